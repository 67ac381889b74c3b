using System.Buffers.Binary;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Decides hot keys in this process from units that Redis holds for it, and renews all such leases with one call.</summary>
/// <remarks>
/// Thread-safe. One loop runs while a key is watched, none while none is. A lease asks for what its key was lately asked for in one and a
/// half renewal intervals, at most an eighth of the burst, and returns what it has too much. When Redis grants less than asked, the key is
/// used up: once the units are spent, requests are rejected here until the next renewal, or as long as Redis said, at most a second.
/// </remarks>
internal sealed class RedisLeases : IAsyncDisposable
{
    private static readonly TimeSpan LongestRejection = TimeSpan.FromSeconds(1);

    private readonly RedisStoreOptions _options;
    private readonly RedisLink _link;
    private readonly RedisShapes _shapes;
    private readonly RedisHotKeys _hotKeys;
    private readonly TimeProvider _time;
    private readonly SeededRandom _jitter;
    private readonly byte[] _node;
    private readonly bool _runByItself;
    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _gate = new();
    private Task _loop = Task.CompletedTask;
    private readonly SemaphoreSlim _renewing = new(1);
    private Task _refill = Task.CompletedTask;
    private bool _refilling;
    private int _running;
    private long _ids;

    /// <param name="options">How leases work.</param>
    /// <param name="link">The server.</param>
    /// <param name="shapes">The limits.</param>
    /// <param name="hotKeys">The keys that are watched.</param>
    /// <param name="time">Its monotonic clock says how long a lease is valid.</param>
    /// <param name="node">8 bytes, new at each start of the process, so that a restart never takes over a lease whose spending it does not know.</param>
    /// <param name="runByItself">Whether to renew by itself; a test in virtual time ticks by hand.</param>
    public RedisLeases(
        RedisStoreOptions options, RedisLink link, RedisShapes shapes, RedisHotKeys hotKeys, TimeProvider time, byte[] node, bool runByItself)
    {
        _runByItself = runByItself;
        _options = options;
        _link = link;
        _shapes = shapes;
        _hotKeys = hotKeys;
        _time = time;
        _node = node;
        _jitter = new SeededRandom(BinaryPrimitives.ReadUInt64LittleEndian(node));
    }

    /// <summary>
    /// How long Redis holds a lease: as long as the node may spend it, counted from before the call, and the time by which the server's
    /// clock may step forward meanwhile.
    /// </summary>
    public static TimeSpan HeldFor(RedisStoreOptions options) => options.Leases.Duration + options.ClockStepTolerance + TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Decides from leases alone, when every check's key is leased and each has units or is used up. Otherwise, a single check's key that is
    /// leased but short of units is returned: <see cref="RefillAsync"/> may help.
    /// </summary>
    public bool TryDecide(ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, out StoreVerdict verdict, out RedisHotKey? isShort)
    {
        var now = _time.GetTimestamp();
        isShort = null;
        if (checks.Length == 1)
            return TryDecide(checks[0], now, out outcomes[0], out verdict, out isShort);
        return TryDecideTogether(checks, now, outcomes, out verdict);
    }

    /// <summary>Decides again after a refill.</summary>
    public bool TryDecideAgain(in LimitCheck check, RedisHotKey hot, out LimitOutcome outcome, out StoreVerdict verdict) =>
        TrySpend(check, hot, _time.GetTimestamp(), out outcome, out verdict);

    /// <summary>Asks for more units at once. All that are short of some share one call, so that waiting for it costs less than a decision each.</summary>
    public Task RefillAsync(RedisHotKey hot)
    {
        hot.IsShort = true;
        lock (_gate)
        {
            if (!_refilling)
            {
                _refilling = true;
                _refill = RefillShortAsync();
            }

            return _refill;
        }
    }

    /// <summary>Renews, returns and drops leases; true while any is in use. Called by the loop, and by tests in virtual time.</summary>
    public async ValueTask<bool> TickAsync()
    {
        await _renewing.WaitAsync(_ended.Token);
        try
        {
            return await RenewDueAsync();
        }
        finally
        {
            _renewing.Release();
        }
    }

    private async Task RefillShortAsync()
    {
        // The caller holds the lock, and those that come right now should still be in this call.
        await Task.Yield();
        await _renewing.WaitAsync();
        try
        {
            lock (_gate)
                _refilling = false;
            var now = _time.GetTimestamp();
            var due = new List<RedisHotKey>();
            foreach (var hot in _hotKeys.Watched)
            {
                if (!hot.IsShort)
                    continue;
                hot.IsShort = false;

                // Another refill or a renewal may have been faster.
                if (hot.Units > 0 || hot.IsSaturated(now))
                    continue;
                hot.Boost = Math.Min(hot.Boost * 2, 64);
                due.Add(hot);
            }

            if (due.Count > 0 && _link.IsAvailable)
                await RenewAsync(due, now);
        }
        finally
        {
            _renewing.Release();
        }
    }

    private async ValueTask<bool> RenewDueAsync()
    {
        var now = _time.GetTimestamp();
        var interval = Ticks(_options.Leases.RenewInterval);
        var leased = false;
        List<RedisHotKey>? due = null;
        foreach (var hot in _hotKeys.Watched)
        {
            hot.Tick(now, _time);
            if (!hot.Leased && hot.WantsLease(_options.Leases.HotDecisionsPerSecond))
            {
                hot.Leased = true;
                hot.NextRenewal = now;
            }

            var idle = IsIdle(hot, now);
            if (hot.Leased && idle && hot.Held == 0)
                hot.Leased = false;
            if (!hot.Leased && now - hot.LastDemand > 2 * _time.TimestampFrequency)
                _hotKeys.Forget(hot);
            if (!hot.Leased)
                continue;
            leased = true;
            var low = !hot.IsSaturated(now) && hot.Units < Target(hot, now) / 3;
            if (now >= hot.NextRenewal)
                hot.Boost = Math.Max(1, hot.Boost / 2);
            if (now >= hot.NextRenewal || (low && now - hot.LastRenewal > interval / 10))
                (due ??= []).Add(hot);
        }

        if (due is not null && _link.IsAvailable)
            await RenewAsync(due, now);
        return leased;
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        Task loop;
        lock (_gate)
            loop = _loop;
        await loop;
        await _renewing.WaitAsync();
        await ReturnAllAsync();
        _renewing.Release();
        _ended.Dispose();
    }

    /// <summary>Gives everything back, as a node does that leaves.</summary>
    private async ValueTask ReturnAllAsync()
    {
        var held = new List<RedisHotKey>();
        foreach (var hot in _hotKeys.Watched)
        {
            if (hot.Held > 0 && hot.Id is not null)
                held.Add(hot);
        }

        if (held.Count > 0 && _link.IsAvailable)
            await RenewAsync(held, _time.GetTimestamp(), leaving: true);
    }

    private bool TryDecide(in LimitCheck check, long now, out LimitOutcome outcome, out StoreVerdict verdict, out RedisHotKey? isShort)
    {
        isShort = null;
        var hot = _hotKeys.Count(check, now);
        if (hot is null)
        {
            outcome = default;
            verdict = default;
            return false;
        }

        EnsureLoop();
        if (TrySpend(check, hot, now, out outcome, out verdict))
            return true;
        if (hot.Leased && check.Cost <= Math.Max(1, hot.Shape.Burst / 8))
            isShort = hot;
        return false;
    }

    private bool TrySpend(in LimitCheck check, RedisHotKey hot, long now, out LimitOutcome outcome, out StoreVerdict verdict)
    {
        if (hot.TrySpend(check.Cost, now))
        {
            outcome = hot.Admitted();
            verdict = StoreVerdict.Admitted;
            Interlocked.Increment(ref _link.Statistics.LeasedAdmissions);
            return true;
        }

        if (hot.IsSaturated(now) && hot.Shape.CanPass(check.Cost))
        {
            outcome = hot.Rejected(now, _time);
            verdict = StoreVerdict.Rejected;
            Interlocked.Increment(ref _link.Statistics.LeasedRejections);
            return true;
        }

        outcome = default;
        verdict = default;
        return false;
    }

    private bool TryDecideTogether(ReadOnlySpan<LimitCheck> checks, long now, Span<LimitOutcome> outcomes, out StoreVerdict verdict)
    {
        verdict = StoreVerdict.Admitted;
        Span<bool> spent = stackalloc bool[ILimitStore.MaxChecks];
        var hots = new RedisHotKey?[checks.Length];
        var known = true;
        for (var i = 0; i < checks.Length; i++)
        {
            var hot = hots[i] = _hotKeys.Count(checks[i], now);
            if (hot is not null)
                EnsureLoop();
            if (hot is null || !known)
            {
                known = false;
                continue;
            }

            spent[i] = hot.TrySpend(checks[i].Cost, now);
            if (spent[i])
                outcomes[i] = hot.Admitted();
            else if (hot.IsSaturated(now) && hot.Shape.CanPass(checks[i].Cost))
                (outcomes[i], verdict) = (hot.Rejected(now, _time), StoreVerdict.Rejected);
            else
                known = false;
        }

        if (known && verdict == StoreVerdict.Admitted)
        {
            Interlocked.Increment(ref _link.Statistics.LeasedAdmissions);
            return true;
        }

        // All or nothing: what was taken goes back.
        for (var i = 0; i < checks.Length; i++)
        {
            if (spent[i])
                hots[i]!.Return(checks[i].Cost);
        }

        if (known)
            Interlocked.Increment(ref _link.Statistics.LeasedRejections);
        return known;
    }

    private void EnsureLoop()
    {
        if (!_runByItself || Volatile.Read(ref _running) != 0 || Interlocked.Exchange(ref _running, 1) != 0)
            return;
        lock (_gate)
        {
            if (!_ended.IsCancellationRequested)
                _loop = LoopAsync();
        }
    }

    private async Task LoopAsync()
    {
        // The caller's thread is deciding: it must not renew.
        await Task.Yield();
        try
        {
            var leased = true;
            while (!_hotKeys.IsEmpty)
            {
                await Task.Delay(leased ? _options.Leases.RenewInterval / 5 : TimeSpan.FromMilliseconds(100), _time, _ended.Token);
                leased = await TickAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The store ends.
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    private bool IsIdle(RedisHotKey hot, long now) => now - hot.LastDemand > 4 * Ticks(_options.Leases.RenewInterval);

    private long Target(RedisHotKey hot, long now)
    {
        if (IsIdle(hot, now))
            return 0;
        var wanted = hot.Demand * hot.Boost * _options.Leases.RenewInterval.TotalSeconds * 1.5;
        return (long)Math.Min(Math.Ceiling(wanted), Math.Max(1, hot.Shape.Burst / 8));
    }

    private async ValueTask RenewAsync(List<RedisHotKey> due, long now, bool leaving = false)
    {
        var keys = new RedisKey[due.Count + 1];
        keys[0] = _shapes.Epoch;
        var leases = new byte[due.Count * 42];
        var limits = new List<RedisLimitShape>();
        var wants = new (long Kept, long Wanted, bool InPlace)[due.Count];
        for (var i = 0; i < due.Count; i++)
        {
            keys[i + 1] = due[i].StateKey;
            wants[i] = Write(leases.AsSpan(i * 42), due[i], limits, now, leaving);
        }

        var arguments = new RedisValue[3 + limits.Count];
        arguments[0] = RedisClock.Argument(_options);
        arguments[1] = RedisClock.Double(HeldFor(_options).TotalMicroseconds);
        arguments[2] = leases;
        for (var i = 0; i < limits.Count; i++)
            arguments[3 + i] = limits[i].Packed;
        var answer = (byte[]?)await _link.RunAsync(RedisScript.Lease, keys, arguments);
        for (var i = 0; i < due.Count; i++)
        {
            if (answer is null)
                Lose(due[i], now);
            else
                Read(answer.AsSpan(8 + (i * (9 + RedisState.Size))), (long)BinaryPrimitives.ReadDoubleLittleEndian(answer), due[i], wants[i], now);
        }
    }

    private (long Kept, long Wanted, bool InPlace) Write(Span<byte> lease, RedisHotKey hot, List<RedisLimitShape> limits, long now, bool leaving)
    {
        var index = limits.IndexOf(hot.Shape);
        if (index < 0)
        {
            index = limits.Count;
            limits.Add(hot.Shape);
        }

        var isNew = hot.Id is null;
        hot.Id ??= NewId();
        var target = leaving ? 0 : Target(hot, now);
        var returned = isNew ? 0 : hot.Withdraw(Math.Max(0, hot.Units - (leaving ? 0 : 2 * target)));
        var kept = isNew ? 0 : hot.Units;
        var spent = isNew ? 0 : Math.Max(0, hot.Held - returned - kept);
        var wanted = Math.Max(0, target - kept);
        BinaryPrimitives.WriteUInt16LittleEndian(lease, (ushort)index);
        hot.Id.CopyTo(lease[2..]);
        BinaryPrimitives.WriteDoubleLittleEndian(lease[18..], spent);
        BinaryPrimitives.WriteDoubleLittleEndian(lease[26..], returned);
        BinaryPrimitives.WriteDoubleLittleEndian(lease[34..], wanted);
        return (kept, wanted, isNew);
    }

    private byte[] NewId()
    {
        var id = new byte[16];
        _node.CopyTo(id, 0);
        BinaryPrimitives.WriteInt64LittleEndian(id.AsSpan(8), ++_ids);
        return id;
    }

    /// <summary>The call has no answer: Redis may hold the old units or the new ones, so this lease runs out and another is begun.</summary>
    private void Lose(RedisHotKey hot, long now)
    {
        hot.Id = null;
        hot.Held = 0;
        hot.LastRenewal = now;
        hot.NextRenewal = now + Ticks(_options.Leases.RenewInterval);
    }

    private void Read(ReadOnlySpan<byte> answer, long serverNow, RedisHotKey hot, (long Kept, long Wanted, bool InPlace) asked, long now)
    {
        var known = answer[0] == 1;
        var granted = (long)BinaryPrimitives.ReadDoubleLittleEndian(answer[1..]);
        var at = 9;
        var state = RedisState.Read(answer, ref at);
        hot.LastRenewal = now;
        if (state.IsBroken)
        {
            hot.NextRenewal = now + _time.TimestampFrequency;
            return;
        }

        // A lease that Redis does not know has run out there, or went with the server's memory: nothing of it may be spent any more.
        hot.Grant(granted, asked.InPlace || !known, now + Ticks(_options.Leases.Duration));
        hot.Held = known ? asked.Kept + granted : granted;
        var outcome = hot.Shape.Outcome(state, serverNow, 1);
        hot.Know(outcome);

        // Nodes that started together must not renew together.
        var pace = Ticks(_options.Leases.RenewInterval) * (0.75 + (0.25 * _jitter.NextDouble()));
        pace = Math.Min(pace, hot.Shape.Burst / hot.Shape.Rate / 4 * _time.TimestampFrequency / 1e6);
        var next = now + (long)pace;
        if (granted < asked.Wanted)
        {
            var retry = granted > 0 || outcome.RetryAfter < TimeSpan.Zero ? TimeSpan.Zero : outcome.RetryAfter;
            next = Math.Max(next, now + Ticks(retry < LongestRejection ? retry : LongestRejection));
            hot.RejectUntil(next, Math.Max(next, now + Ticks(retry)));
        }

        hot.NextRenewal = next;
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}

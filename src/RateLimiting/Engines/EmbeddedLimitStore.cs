using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Keeps and decides limits in this process: millions of keys in 32 bytes each, without a timer, a global lock, or an allocation on the way
/// of a decision.
/// </summary>
/// <remarks>
/// Thread-safe. A rejection reads only; an admission is one compare-and-swap on the lock of one of hundreds of shards. Several checks are decided under the locks of their
/// shards, taken in order. Memory is bounded by <see cref="EmbeddedStoreOptions"/>: only states equal to fresh are dropped.
/// </remarks>
internal sealed class EmbeddedLimitStore : ILimitStore, ILimitStoreSize
{
    private readonly EmbeddedClock _clock;
    private readonly EmbeddedTable _table;
    private readonly EmbeddedKeyHash _hash;
    private readonly EmbeddedReservations _reservations;
    private readonly Lock _reservationsGate = new();
    private readonly EmbeddedJournaling? _journal;
    private long _reservationsDue = long.MaxValue;

    public EmbeddedLimitStore(EmbeddedStoreOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(loggers);
        if (options.Faults().FirstOrDefault() is { } fault)
            throw new ArgumentException(fault, nameof(options));
        _reservations = new EmbeddedReservations(options.MaxReservations);
        if (options.JournalPath is null)
        {
            Span<byte> random = stackalloc byte[16];
            RandomNumberGenerator.Fill(random);
            _hash = new EmbeddedKeyHash(BinaryPrimitives.ReadUInt64LittleEndian(random), BinaryPrimitives.ReadUInt64LittleEndian(random[8..]));
            _clock = new EmbeddedClock(time);
            _table = new EmbeddedTable(options, _hash);
            return;
        }

        var journal = EmbeddedJournaling.Open(options, EmbeddedTable.ShardsFor(options));
        try
        {
            _hash = new EmbeddedKeyHash((ulong)journal.Secret, (ulong)(journal.Secret >> 64));
            _table = new EmbeddedTable(options, _hash, journal.Shards);
            _clock = new EmbeddedClock(time, EmbeddedJournaling.Recover(journal, _table, _reservations));
            _reservationsDue = _reservations.NextDue;
            _journal = new EmbeddedJournaling(
                journal, options, _table, _reservations, _reservationsGate, _clock, time, loggers.CreateLogger<EmbeddedLimitStore>());
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Keys whose state is kept; those equal to fresh count until their place is needed.</summary>
    public long KeyCount => _table.Count;

    /// <inheritdoc/>
    public LimitStoreSize Size => new(_table.Count, _table.MemoryBytes);

    /// <summary>Reservations remembered.</summary>
    public int ReservationCount
    {
        get
        {
            lock (_reservationsGate)
                return _reservations.Count;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: false);
        return ValueTask.FromResult(Decide(checks.Span, outcomes.Span, charge: true));
    }

    /// <inheritdoc/>
    public ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        return ValueTask.FromResult(Decide(checks.Span, outcomes.Span, charge: false));
    }

    /// <summary>As <see cref="AcquireAsync"/> for one check, at once.</summary>
    /// <exception cref="ArgumentException">As there.</exception>
    public bool TryAcquire(string key, Limit limit, long cost, out LimitOutcome outcome)
    {
        LimitChecks.Validate(limit, key, cost);
        return DecideOne(_table.Hash(limit, key), limit, cost, charge: true, out outcome);
    }

    /// <summary>As <see cref="AcquireAsync"/> for one check, at once; the key in UTF-8. Bytes that are no UTF-8 are a key of their own.</summary>
    /// <exception cref="ArgumentException">As there.</exception>
    public bool TryAcquire(ReadOnlySpan<byte> utf8Key, Limit limit, long cost, out LimitOutcome outcome)
    {
        LimitChecks.Validate(limit, "", cost);
        return DecideOne(_table.Hash(limit, utf8Key), limit, cost, charge: true, out outcome);
    }

    /// <inheritdoc/>
    public ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateReservation(reservationId, expiresAfter);
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        StoreVerdict verdict;
        lock (_reservationsGate)
        {
            var now = _clock.Now();
            Expire(now);
            verdict = Reserve(IdOf(reservationId), checks.Span, outcomes.Span, expiresAfter.Ticks * 100, now);
        }

        if (verdict == StoreVerdict.Admitted)
            _journal?.Reserved();
        return ValueTask.FromResult(verdict);
    }

    /// <inheritdoc/>
    public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateSettlement(reservationId, actualCost);
        SettleOutcome outcome;
        lock (_reservationsGate)
        {
            var now = _clock.Now();
            Expire(now);
            if (!_reservations.TryFind(IdOf(reservationId), out var reservation))
                return ValueTask.FromResult(SettleOutcome.Unknown);
            outcome = Settle(reservation, actualCost, now);
        }

        // A repeat too: the first may have settled in memory and not yet in the file.
        _journal?.Reserved();
        return ValueTask.FromResult(outcome);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _journal?.Dispose();
        return ValueTask.CompletedTask;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool DecideOne(in EmbeddedKey key, Limit limit, long cost, bool charge, out LimitOutcome outcome)
    {
        // The slot comes into the cache while the clock is read, which takes as long as a miss.
        ref var shard = ref _table.Shard(_table.ShardOf(key));
        shard.Prefetch(key.Fingerprint);
        var now = _clock.Now();
        if (now >= Volatile.Read(ref _reservationsDue))
            ExpireDue(now);
        var version = Volatile.Read(ref shard.Sequence);
        ref var slot = ref shard.Find(version, key.Fingerprint, key.Check);
        if ((version & 1) != 0 || Unsafe.IsNullRef(ref slot) || slot.Tag != limit.Terms.Tag || limit.Algorithm == LimitAlgorithm.SlidingWindowLog)
            return DecideOneLocked(ref shard, key, limit, cost, charge, now, out outcome);

        // Decided on what was read without a lock: it counts if nobody has written since.
        var state = slot.State;
        var decision = LimitAlgorithms.Decide(limit.Terms, ref state, null, now, cost, charge);
        outcome = LimitChecks.Outcome(decision);
        if (!decision.HasRoom || !charge || cost == 0)
        {
            Volatile.ReadBarrier();
            if (shard.Sequence != version)
                return DecideOneLocked(ref shard, key, limit, cost, charge, now, out outcome);
            return decision.HasRoom;
        }

        if (!shard.TryEnter(version))
            return DecideOneLocked(ref shard, key, limit, cost, charge, now, out outcome);
        slot.FreshAt = state.FreshAt;
        slot.Payload = state.Payload;
        shard.MarkUnwritten(ref slot);
        shard.Exit();
        _journal?.Admitted();
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool DecideOneLocked(
        ref EmbeddedShard shard, in EmbeddedKey key, Limit limit, long cost, bool charge, long now, out LimitOutcome outcome)
    {
        Decision decision;
        shard.Enter();
        try
        {
            var state = _table.Load(ref shard, key, limit, now, out var place);
            decision = _table.Decide(ref shard, limit, ref state, place, now, cost, charge);
            if ((decision.HasRoom && charge && cost > 0) || IsKeptLog(limit, place))
                _table.Store(ref shard, key, limit, state, place, now);
        }
        finally
        {
            shard.Exit();
        }

        outcome = LimitChecks.Outcome(decision);
        if (decision.HasRoom && charge && cost > 0)
            _journal?.Admitted();
        return decision.HasRoom;
    }

    private StoreVerdict Decide(ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, bool charge)
    {
        if (checks.Length == 1)
        {
            ref readonly var check = ref checks[0];
            return DecideOne(_table.Hash(check.Limit, check.Key), check.Limit, check.Cost, charge, out outcomes[0])
                ? StoreVerdict.Admitted
                : StoreVerdict.Rejected;
        }

        var now = _clock.Now();
        if (now >= Volatile.Read(ref _reservationsDue))
            ExpireDue(now);
        var verdict = DecideTogether(checks, outcomes, now, charge, None);
        if (charge && verdict == StoreVerdict.Admitted)
            _journal?.Admitted();
        return verdict;
    }

    private const int None = EmbeddedReservations.None;

    /// <summary>Decides under the locks of all shards concerned, for a reservation or for <see cref="None"/>.</summary>
    [SkipLocalsInit]
    private StoreVerdict DecideTogether(ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, long now, bool charge, int reservation)
    {
        Span<EmbeddedKey> keys = stackalloc EmbeddedKey[ILimitStore.MaxChecks];
        Span<int> shards = stackalloc int[ILimitStore.MaxChecks];
        keys = keys[..checks.Length];
        for (var i = 0; i < checks.Length; i++)
        {
            keys[i] = _table.Hash(checks[i].Limit, checks[i].Key);
            shards[i] = _table.ShardOf(keys[i]);
        }

        shards = Distinct(shards[..checks.Length]);
        foreach (var shard in shards)
            _table.Shard(shard).Enter();
        try
        {
            if (!HaveRoom(checks, keys, outcomes, now, reservation))
                return StoreVerdict.Rejected;
            if (charge)
                Take(checks, keys, outcomes, now, reservation);
            return StoreVerdict.Admitted;
        }
        finally
        {
            foreach (var shard in shards)
                _table.Shard(shard).Exit();
        }
    }

    private bool HaveRoom(
        ReadOnlySpan<LimitCheck> checks, ReadOnlySpan<EmbeddedKey> keys, Span<LimitOutcome> outcomes, long now, int reservation)
    {
        var all = true;
        for (var i = 0; i < checks.Length; i++)
        {
            ref readonly var check = ref checks[i];

            // A key that comes twice must have room for both costs together.
            var cost = check.Cost;
            for (var j = 0; j < i; j++)
            {
                if (keys[j] == keys[i])
                    cost = Add(Math.Max(1, cost), checks[j].Cost);
            }

            ref var shard = ref _table.Shard(_table.ShardOf(keys[i]));
            var state = _table.Load(ref shard, keys[i], check.Limit, now, out var place);
            var decision = _table.Decide(ref shard, check.Limit, ref state, place, now, cost, charge: false);
            if (IsKeptLog(check.Limit, place))
                _table.Store(ref shard, keys[i], check.Limit, state, place, now);
            if (reservation != None && IsHeld(check) && Add(state.Held, cost) > LimitState.MaxHeld)
                decision = new Decision(false, decision.Remaining, Decision.Never, decision.ResetAfter);
            all &= decision.HasRoom;
            outcomes[i] = LimitChecks.Outcome(decision);
        }

        return all;
    }

    private void Take(
        ReadOnlySpan<LimitCheck> checks, ReadOnlySpan<EmbeddedKey> keys, Span<LimitOutcome> outcomes, long now, int reservation)
    {
        for (var i = 0; i < checks.Length; i++)
        {
            ref readonly var check = ref checks[i];
            ref var shard = ref _table.Shard(_table.ShardOf(keys[i]));
            var state = _table.Load(ref shard, keys[i], check.Limit, now, out var place);
            if (reservation == None || !IsHeld(check))
            {
                _table.Charge(ref shard, check.Limit, ref state, place, now, check.Cost);
            }
            else if (place != EmbeddedPlace.TakenCell)
            {
                state.Held += check.Cost;
                _reservations.AddHold(reservation, keys[i], check.Limit, check.Cost, check.Weight);
            }
            else
            {
                // An earlier check of this call has just taken the cell: what cannot be held there is charged.
                _table.Charge(ref shard, check.Limit, ref state, place, now, check.Cost);
                _reservations.AddHold(reservation, keys[i], check.Limit, 0, check.Weight);
            }

            if (check.Cost > 0)
                _table.Store(ref shard, keys[i], check.Limit, state, place, now);
            var after = _table.Decide(ref shard, check.Limit, ref state, place, now, 1, charge: false);
            outcomes[i] = LimitChecks.Outcome(after with { HasRoom = true, RetryAfter = 0 });
        }
    }

    private StoreVerdict Reserve(UInt128 id, ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, long expiresAfter, long now)
    {
        if (_reservations.TryFind(id, out _))
        {
            DecideTogether(checks, outcomes, now, charge: false, None);
            foreach (ref var outcome in outcomes[..checks.Length])
                outcome = outcome with { HasRoom = true, RetryAfter = TimeSpan.Zero };
            return StoreVerdict.Admitted;
        }

        if (_reservations.IsFull)
        {
            DecideTogether(checks, outcomes, now, charge: false, None);
            var wait = TimeSpan.FromTicks((Math.Max(1, _reservations.NextDue - now) + 99) / 100);
            foreach (ref var outcome in outcomes[..checks.Length])
                outcome = outcome with { HasRoom = false, RetryAfter = wait };
            return StoreVerdict.Rejected;
        }

        var reservation = _reservations.Begin(id, now + expiresAfter, now + (2 * expiresAfter));
        var verdict = DecideTogether(checks, outcomes, now, charge: true, reservation);
        if (verdict == StoreVerdict.Admitted)
        {
            _reservations.Commit(reservation);
            _journal?.Changed(id);
        }
        else
        {
            _reservations.Cancel(reservation);
        }

        Volatile.Write(ref _reservationsDue, _reservations.NextDue);
        return verdict;
    }

    private SettleOutcome Settle(int reservation, long actualCost, long now)
    {
        ref var entry = ref _reservations[reservation];
        if (entry.Phase == EmbeddedReservationPhase.Settled)
            return SettleOutcome.AlreadySettled;
        var late = entry.Phase == EmbeddedReservationPhase.Expired;
        End(reservation, now, returned: !late, actualCost);
        entry.Phase = EmbeddedReservationPhase.Settled;
        _journal?.Changed(entry.Id);
        return late ? SettleOutcome.SettledLate : SettleOutcome.Settled;
    }

    /// <summary>Returns what a reservation held, if it still does, and charges what was used, under all locks concerned.</summary>
    private void End(int reservation, long now, bool returned, long actualCost)
    {
        Span<int> shards = stackalloc int[ILimitStore.MaxChecks];
        var count = 0;
        for (var hold = _reservations[reservation].FirstHold; hold != None; hold = _reservations.Hold(hold).Next)
            shards[count++] = _table.ShardOf(_reservations.Hold(hold).Key);
        shards = Distinct(shards[..count]);
        foreach (var shard in shards)
            _table.Shard(shard).Enter();
        try
        {
            for (var hold = _reservations[reservation].FirstHold; hold != None; hold = _reservations.Hold(hold).Next)
                End(_reservations.Hold(hold), now, returned, actualCost);
        }
        finally
        {
            foreach (var shard in shards)
                _table.Shard(shard).Exit();
        }
    }

    private void End(in EmbeddedHold hold, long now, bool returned, long actualCost)
    {
        var limit = hold.Limit;
        ref var shard = ref _table.Shard(_table.ShardOf(hold.Key));
        var state = _table.LoadAsKept(ref shard, hold.Key, ref limit, now, out var place);
        if (returned)
            state.Held -= hold.Cost;
        var cost = LimitChecks.Multiply(actualCost, hold.Weight);
        if (cost > 0 && hold.Limit.Algorithm != LimitAlgorithm.Concurrency)
            _table.Charge(ref shard, limit, ref state, place, now, cost);
        if (place == EmbeddedPlace.New && state.IsFresh(now))
            return;
        _table.Store(ref shard, hold.Key, limit, state, place, now);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ExpireDue(long now)
    {
        lock (_reservationsGate)
            Expire(now);
    }

    private void Expire(long now)
    {
        if (now < _reservationsDue)
            return;
        while (_reservations.TryTakeExpired(now, out var reservation))
        {
            End(reservation, now, returned: true, actualCost: 0);
            _reservations[reservation].Phase = EmbeddedReservationPhase.Expired;
        }

        // Only after the holds are back: who sees the new time must find them returned.
        Volatile.Write(ref _reservationsDue, _reservations.NextDue);
    }

    private UInt128 IdOf(string reservationId)
    {
        _hash.Hash(UInt128.MaxValue, reservationId, out var low, out var high);
        return new UInt128(high, low);
    }

    private static bool IsHeld(in LimitCheck check) => check.Hold || check.Limit.Algorithm == LimitAlgorithm.Concurrency;

    /// <summary>Whether only looking may have changed the state: a log forgets on the way.</summary>
    private static bool IsKeptLog(Limit limit, EmbeddedPlace place) =>
        limit.Algorithm == LimitAlgorithm.SlidingWindowLog && place is EmbeddedPlace.Table or EmbeddedPlace.Cell;

    private static long Add(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;

    private static Span<int> Distinct(Span<int> shards)
    {
        // At most 32, mostly two or three: insertion beats a general sort.
        for (var i = 1; i < shards.Length; i++)
        {
            var shard = shards[i];
            var j = i;
            for (; j > 0 && shards[j - 1] > shard; j--)
                shards[j] = shards[j - 1];
            shards[j] = shard;
        }

        var count = 0;
        for (var i = 0; i < shards.Length; i++)
        {
            if (i == 0 || shards[i] != shards[i - 1])
                shards[count++] = shards[i];
        }

        return shards[..count];
    }
}

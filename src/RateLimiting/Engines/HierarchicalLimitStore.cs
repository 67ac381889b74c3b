using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Limits shared by many nodes, decided locally from leased units: node, regional aggregator, root (docs/rate-limiter-bounds.md). A
/// decision from a lease makes no network call and allocates nothing; a key's first request, and one that finds the lease empty while more may
/// be had, waits for the aggregator.
/// </summary>
/// <remarks>
/// Thread-safe. Token buckets and windows are leased; a sliding window counter is kept as exactly as a log; concurrency is refused. Reservations
/// and their idempotency live at the node that made them: after its death what they held is stranded for one lease, then counted as spent.
/// </remarks>
internal sealed class HierarchicalLimitStore : ILimitStore, INodeShare
{
    private const int MostRounds = 4;

    private readonly HierarchyOptions _options;
    private readonly HierarchicalSite _site;
    private readonly Func<int> _nodes;
    private readonly HierarchicalReservations _reservations;
    private readonly HierarchicalLink[] _links;
    private readonly ConcurrentDictionary<QuotaKey, HierarchicalKey> _keys = new();
    private long _order;
    private long _decisions;

    /// <param name="options">Buckets, names, and the mode.</param>
    /// <param name="site">Clock and terms.</param>
    /// <param name="grains">The cluster.</param>
    /// <param name="nodes">How many nodes the cluster was last known to have, this one included.</param>
    /// <param name="loggers">Takes what happened.</param>
    public HierarchicalLimitStore(HierarchyOptions options, HierarchicalSite site, IGrainFactory grains, Func<int> nodes, ILoggerFactory loggers)
    {
        _nodes = nodes;
        _options = options;
        _site = site;
        _reservations = new HierarchicalReservations(options.MaxReservations);
        var name = options.NodeName ?? $"{Environment.MachineName}:{Environment.ProcessId}";
        var logger = loggers.CreateLogger<HierarchicalLimitStore>();
        _links = new HierarchicalLink[options.Buckets];
        for (var i = 0; i < _links.Length; i++)
        {
            var bucket = $"{options.Region}/{i}";
            _links[i] = new HierarchicalLink(
                name, site, options.CallTimeout, reports => grains.GetGrain<IRegionalQuotaGrain>(bucket).ReportAsync(reports), Forget, logger);
        }
    }

    /// <summary>Reports sent to aggregators.</summary>
    public long Calls => _links.Sum(link => link.Calls);

    /// <summary>Decisions made.</summary>
    public long Decisions => Volatile.Read(ref _decisions);

    /// <summary>Keys in use at this node.</summary>
    public int Keys => _keys.Count;

    public ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
        DecideAsync(checks, outcomes, Charging.Spend, null, cancellationToken);

    public ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
        DecideAsync(checks, outcomes, Charging.None, null, cancellationToken);

    public ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateReservation(reservationId, expiresAfter);
        Validate(checks, outcomes, Charging.Hold);
        var reservation = new HierarchicalReservation(reservationId, expiresAfter);
        return _reservations.TryBegin(reservation, _site.Clock.Now, out var earlier)
            ? DecideAsync(checks, outcomes, Charging.Hold, reservation, cancellationToken)
            : earlier is null ? new ValueTask<StoreVerdict>(StoreVerdict.Unavailable) : earlier.AnswerAgainAsync(outcomes, cancellationToken);
    }

    public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateSettlement(reservationId, actualCost);
        return new(_reservations.Settle(reservationId, actualCost, _site.Clock.Now));
    }

    /// <summary>
    /// Strict: 0, since what this node leased is all it may spend, and its share is given to others once it is silent. Available: the share last told,
    /// or an even one of a key that was never told of.
    /// </summary>
    public double ShareOf(Limit limit, string key)
    {
        if (_options.Mode == PartitionMode.Strict)
            return 0;
        var even = 1.0 / Math.Max(1, _nodes());
        if (!_keys.TryGetValue(new QuotaKey(limit.Id, HierarchicalKey.Canonical(key)), out var leased))
            return even;
        lock (leased.Gate)
            return leased.Lease.IsKnown ? Math.Clamp(leased.Lease.Share / leased.Terms.Rate, 1e-6, 1) : even;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var link in _links)
            await link.DisposeAsync();
    }

    private ValueTask<StoreVerdict> DecideAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, Charging charging, HierarchicalReservation? reservation, CancellationToken cancellationToken)
    {
        Validate(checks, outcomes, charging);
        Interlocked.Increment(ref _decisions);
        _reservations.ReturnExpired(_site.Clock.Now);
        List<Asked>? asked = null;
        var verdict = TryDecide(checks.Span, outcomes.Span, charging, reservation, offer: true, ref asked);
        if (asked is { Count: > 0 })
            return WaitAsync(checks, outcomes, charging, reservation, asked, cancellationToken);
        Complete(reservation, verdict, outcomes.Span[..checks.Length]);
        return new ValueTask<StoreVerdict>(verdict);
    }

    private async ValueTask<StoreVerdict> WaitAsync(
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        Charging charging,
        HierarchicalReservation? reservation,
        List<Asked> asked,
        CancellationToken cancellationToken)
    {
        var verdict = StoreVerdict.Unavailable;
        try
        {
            for (var round = 1; ; round++)
            {
                var answered = true;
                foreach (var (link, _) in asked)
                    link.Signal();
                foreach (var (_, answer) in asked)
                    answered &= await answer.WaitAsync(cancellationToken);
                asked.Clear();
                verdict = TryDecide(checks.Span, outcomes.Span, charging, reservation, offer: false, ref asked!);
                if (asked.Count == 0)
                    break;
                if (answered && round < MostRounds)
                    continue;
                verdict = answered ? StoreVerdict.Rejected : StoreVerdict.Unavailable;
                break;
            }

            return verdict;
        }
        finally
        {
            Complete(reservation, verdict, outcomes.Span[..checks.Length]);
        }
    }

    private void Complete(HierarchicalReservation? reservation, StoreVerdict verdict, ReadOnlySpan<LimitOutcome> outcomes)
    {
        if (reservation is null)
            return;
        if (verdict != StoreVerdict.Admitted)
            _reservations.Forget(reservation);
        reservation.Complete(verdict, outcomes);
    }

    /// <summary>
    /// Decides all checks under their gates. Where one lacks units that its owner may still have, nothing is taken, and
    /// <paramref name="asked"/> says which answers to wait for.
    /// </summary>
    private StoreVerdict TryDecide(
        ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, Charging charging, HierarchicalReservation? reservation, bool offer, ref List<Asked>? asked)
    {
        var keys = default(KeyBuffer);
        Span<HierarchicalKey?> found = keys;
        found = found[..checks.Length];
        if (!FindAndEnter(checks, found))
            return StoreVerdict.Unavailable;
        try
        {
            return DecideEntered(checks, found, outcomes, charging, reservation, offer, ref asked);
        }
        finally
        {
            foreach (var key in found)
                key!.Gate.Exit();
        }
    }

    private StoreVerdict DecideEntered(
        ReadOnlySpan<LimitCheck> checks, ReadOnlySpan<HierarchicalKey?> keys, Span<LimitOutcome> outcomes, Charging charging,
        HierarchicalReservation? reservation, bool offer, ref List<Asked>? asked)
    {
        var now = _site.Clock.Now;
        var taken = 0;
        for (; taken < checks.Length && Take(now, checks[taken], keys[taken]!, charging); taken++)
        {
            // Taken under the gates: nobody sees it before all are decided.
        }

        var admitted = taken == checks.Length;
        if (!admitted || charging == Charging.None)
        {
            for (var i = 0; i < taken; i++)
                GiveBack(now, checks[i], keys[i]!, charging);
        }

        var verdict = admitted ? StoreVerdict.Admitted : StoreVerdict.Rejected;
        for (var i = 0; i < checks.Length; i++)
        {
            var key = keys[i]!;
            if (offer && checks[i].Cost <= key.Terms.Burst && charging != Charging.None)
                key.Lease.Offer(checks[i].Cost);
            outcomes[i] = Look(now, checks[i], key, admitted, out var mustAsk);
            if (!mustAsk)
                continue;
            if (_links[key.Bucket].IsBroken)
                verdict = StoreVerdict.Unavailable;
            else
                (asked ??= []).Add(new Asked(_links[key.Bucket], key.WaitForAnswer(Math.Clamp(checks[i].Cost, 1, key.Terms.Burst))));
        }

        if (admitted && charging == Charging.Hold)
        {
            for (var i = 0; i < checks.Length; i++)
            {
                if (IsHeld(checks[i]))
                    reservation!.Add(keys[i]!, checks[i].Cost, checks[i].Weight, keys[i]!.Lease.Generation);
            }
        }

        return verdict;
    }

    private static bool IsHeld(in LimitCheck check) => check.Hold || check.Limit.Algorithm == LimitAlgorithm.Concurrency;

    private static bool Take(long now, in LimitCheck check, HierarchicalKey key, Charging charging) =>
        check.Cost == 0
            ? key.Lease.Spendable(now) > 0
            : charging == Charging.Hold && IsHeld(check) ? key.Lease.TrySetAside(now, check.Cost) : key.Lease.TrySpend(now, check.Cost);

    private static void GiveBack(long now, in LimitCheck check, HierarchicalKey key, Charging charging)
    {
        if (check.Cost == 0)
            return;
        if (charging == Charging.Hold && IsHeld(check))
            key.Lease.Release(now, key.Lease.Generation, check.Cost, 0);
        else
            key.Lease.Unspend(check.Cost);
    }

    // What one limit says for itself, and whether its owner must be asked before that can be said.
    private static LimitOutcome Look(long now, in LimitCheck check, HierarchicalKey key, bool admitted, out bool mustAsk)
    {
        mustAsk = false;
        var least = Math.Max(1, check.Cost);
        var remaining = key.Remaining(now);
        var resetAfter = key.ResetAfter(now, remaining);
        if (admitted || key.Lease.Spendable(now) >= least)
            return new LimitOutcome(true, remaining, TimeSpan.Zero, resetAfter);
        if (key.Lease.IsKnown && least > key.Terms.Burst)
            return new LimitOutcome(false, remaining, Timeout.InfiniteTimeSpan, resetAfter);
        var wait = key.Lease.IsAsking && key.Lease.IsKnown ? Math.Max(0, key.Lease.DryUntil - now) : key.Lease.TakeTurn(now);
        mustAsk = wait == 0;
        var retryAfter = key.Terms.Algorithm == LimitAlgorithm.Concurrency || wait == long.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(wait);
        return new LimitOutcome(false, remaining, retryAfter, resetAfter < retryAfter ? retryAfter : resetAfter);
    }

    private bool FindAndEnter(ReadOnlySpan<LimitCheck> checks, Span<HierarchicalKey?> found)
    {
        while (true)
        {
            for (var i = 0; i < checks.Length; i++)
            {
                if ((found[i] = Find(checks[i])) is null)
                    return false;
            }

            Enter(found);
            var live = true;
            for (var i = 0; i < checks.Length; i++)
            {
                live &= !found[i]!.IsRetired;
                found[i]!.Follow(checks[i].Limit);
            }

            if (live)
                return true;
            foreach (var key in found)
                key!.Gate.Exit();
        }
    }

    // One order for all, so that two decisions never wait for each other.
    private static void Enter(ReadOnlySpan<HierarchicalKey?> found)
    {
        if (found.Length == 1)
        {
            found[0]!.Gate.Enter();
            return;
        }

        long entered = -1;
        for (var count = 0; count < found.Length;)
        {
            var lowest = long.MaxValue;
            foreach (var key in found)
            {
                if (key!.Order > entered)
                    lowest = Math.Min(lowest, key.Order);
            }

            // The same key may stand in several checks; its gate is entered once for each.
            foreach (var key in found)
            {
                if (key!.Order != lowest)
                    continue;
                key.Gate.Enter();
                count++;
            }

            entered = lowest;
        }
    }

    private HierarchicalKey? Find(in LimitCheck check)
    {
        var id = new QuotaKey(check.Limit.Id, HierarchicalKey.Canonical(check.Key));
        if (_keys.TryGetValue(id, out var key))
            return key;
        if (_keys.Count >= _options.MaxKeys)
            return null;
        var bucket = (int)(Hash(id) % (uint)_links.Length);
        var now = _site.Clock.Now;
        var order = Interlocked.Increment(ref _order);
        var made = new HierarchicalKey(
            id, check.Limit, order, bucket, new LeaseHolder(_site.Terms.For(LimitTerms.Of(check.Limit)), Math.Max(now, order), 1, now), now);
        key = _keys.GetOrAdd(id, made);
        if (ReferenceEquals(key, made))
            _links[bucket].Add(made);
        return key;
    }

    private void Forget(HierarchicalKey key) => _keys.TryRemove(new KeyValuePair<QuotaKey, HierarchicalKey>(key.Key, key));

    // The same on every node and in every version: it names the grain.
    private static uint Hash(in QuotaKey key) =>
        (uint)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(key.Key.AsSpan()), unchecked((long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(key.LimitId.AsSpan()))));

    private void Validate(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, Charging charging)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: charging != Charging.Spend);
        foreach (ref readonly var check in checks.Span)
        {
            if (check.Limit.Algorithm == LimitAlgorithm.Concurrency && _options.Refuses(check.Limit, _site.OneProcess) is { } fault)
                throw new ArgumentException(fault, nameof(checks));
        }
    }

    private readonly record struct Asked(HierarchicalLink Link, Task<bool> Answer);

    private enum Charging
    {
        None,
        Spend,
        Hold,
    }

    [System.Runtime.CompilerServices.InlineArray(ILimitStore.MaxChecks)]
    private struct KeyBuffer
    {
        private HierarchicalKey? _first;
    }
}

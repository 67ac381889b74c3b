namespace Tenfold.RateLimiting.Leases;

/// <summary>What to do when a node cannot reach its aggregator.</summary>
public enum PartitionMode
{
    /// <summary>Spend what is leased, then stop: never a unit over the limit, under any partition, crash or clock step within the margin.</summary>
    Strict,

    /// <summary>Go on at the last known share: over-admission is bounded, and paid back on healing.</summary>
    Available,
}

/// <summary>The times by which leases live. All in ticks of 100 ns on the owner's or holder's own clock.</summary>
/// <param name="Duration">How long a lease lasts, as its owner grants it.</param>
/// <param name="Refresh">How often a holder with units or demand reports: one round.</param>
/// <param name="Silence">A holder without an answer for this long is cut off, and a holder unheard of for this long is silent.</param>
/// <param name="ClockStep">The greatest step of one clock that must do no harm: holders stop that much early, owners reclaim that much late.</param>
/// <param name="Mode">What a holder does when cut off.</param>
/// <param name="SilentGrace">In <see cref="PartitionMode.Available"/>: how long an owner keeps a silent holder's share from the others.</param>
/// <param name="Stock">How much traffic, in time, a holder keeps in stock; 0 for two rounds.</param>
internal sealed record LeaseTerms(
    long Duration, long Refresh, long Silence, long ClockStep, PartitionMode Mode, long SilentGrace = 0, long Stock = 0)
{
    // Units in stock and units spent but not yet reported are missing from the bucket: with rounds of an eighth of the time in which
    // it fills, both levels of the tree together never hold more than five eighths of it.
    private const int RoundsPerBurst = 8;
    private const long ShortestRefresh = 20 * TimeSpan.TicksPerMillisecond;

    /// <summary>How much traffic, in time, a holder keeps in stock: two rounds, so that one lost report starves nobody.</summary>
    public long Horizon => Stock == 0 ? 2 * Refresh : Stock;

    /// <summary>
    /// How long a new owner grants nothing: until the last lease of the owner before it has surely ended. None in available mode, where
    /// the holders' stock is part of the bound.
    /// </summary>
    public long LearningPeriod => Mode == PartitionMode.Available ? 0 : Duration + (2 * ClockStep);

    /// <summary>The terms one level up: leases twice as long, so that what is lent on is never cut short; half the stock, since the holders below have theirs.</summary>
    public LeaseTerms Above => this with { Duration = 2 * Duration, Stock = Refresh };

    /// <summary>The least time between two reports that nobody waits for.</summary>
    public long LeastGap => Refresh / 2;

    /// <summary>These terms with a round short enough for the limit's burst.</summary>
    public LeaseTerms For(in LimitTerms limit)
    {
        var fillTime = limit.Burst / limit.Rate * TimeSpan.TicksPerSecond / RoundsPerBurst;
        return fillTime >= Refresh ? this : this with { Refresh = Math.Max(Math.Min(ShortestRefresh, Refresh), (long)fillTime) };
    }
}

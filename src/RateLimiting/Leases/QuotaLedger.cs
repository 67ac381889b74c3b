namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// What an owner may hand out of one limit for one key. A unit is free, lent (granted, not known to be spent) or spent.
/// </summary>
/// <remarks>
/// The invariant from which the strict bound follows (docs/rate-limiter-bounds.md): free + lent never exceeds what a
/// single central limiter, that had admitted the same requests, would still admit. Whole units only; rounding always falls to the
/// safe side. Not thread-safe: an owner is one loop.
/// </remarks>
internal abstract class QuotaLedger
{
    /// <summary>Units lent and not yet accounted for.</summary>
    public long Lent { get; protected set; }

    /// <summary>Rises when all that was lent has died by itself (a window ended): lent units of an earlier generation are settled.</summary>
    public virtual long Generation(long now) => 0;

    /// <summary>The long-run rate in units a second, which fair sharing divides.</summary>
    public abstract double Rate { get; }

    /// <summary>The most units that can ever be free: a cost above it can never pass.</summary>
    public abstract long Ceiling { get; }

    /// <summary>Units free to lend now; under zero while a debt is paid back.</summary>
    public abstract long Free(long now);

    /// <summary>Units free here and above, as far as is known.</summary>
    public virtual long FreeInAll(long now) => Free(now);

    /// <summary>Until when a unit lent now may be spent; <see cref="long.MaxValue"/> for any time.</summary>
    public virtual long LendableUntil(long now) => long.MaxValue;

    /// <summary>Ticks until <paramref name="units"/> could be free if nothing else came; <see cref="long.MaxValue"/> when never.</summary>
    public abstract long TimeUntilFree(long now, long units);

    /// <summary>Ticks until the limit is as if unused, if nothing else came.</summary>
    public abstract long TimeUntilFull(long now);

    /// <summary>Free to lent.</summary>
    public abstract void Lend(long now, long units);

    /// <summary>Lent to spent: reported so, or expired without a word.</summary>
    public abstract void Spend(long now, long units);

    /// <summary>Lent to free: known to be unspent.</summary>
    public abstract void TakeBack(long now, long units);

    /// <summary>Books units that were spent without having been lent.</summary>
    /// <param name="now">The time.</param>
    /// <param name="units">The units.</param>
    /// <param name="deepest">The deepest debt into which they may lead.</param>
    public abstract void Charge(long now, long units, long deepest = long.MaxValue);

    /// <summary>A ledger for a changed limit, which takes over what is used and what is lent: neither forgotten nor multiplied.</summary>
    public QuotaLedger Change(long now, LimitTerms limit)
    {
        var used = Ceiling - Free(now) - Lent;
        var next = Create(limit, now);
        next.Charge(now, used);
        next.Lend(now, Lent);
        return next;
    }

    /// <summary>The ledger for a limit, full.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="now">The time.</param>
    /// <param name="unknownBefore">
    /// What was used before this moment is unknown (the owner before was lost), so that all of it counts as used; null when nothing was.
    /// </param>
    public static QuotaLedger Create(LimitTerms limit, long now, long? unknownBefore = null) => limit.Algorithm switch
    {
        LimitAlgorithm.TokenBucket => new TokenBucketLedger(limit, now, unknownBefore),
        LimitAlgorithm.FixedWindow => new FixedWindowLedger(limit, now, unknownBefore),
        LimitAlgorithm.SlidingWindowCounter or LimitAlgorithm.SlidingWindowLog => new SlidingWindowLedger(limit, now, unknownBefore),
        LimitAlgorithm.Concurrency => new ConcurrencyLedger(limit),
        _ => throw new ArgumentException($"{limit.Algorithm} cannot be leased.", nameof(limit)),
    };
}

/// <summary>The numbers of a <see cref="Limit"/>, as they travel.</summary>
/// <param name="Algorithm">How it counts.</param>
/// <param name="Permits">Units a period.</param>
/// <param name="Period">Ticks.</param>
/// <param name="Burst">Most units at once.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.limit-terms")]
internal readonly record struct LimitTerms(LimitAlgorithm Algorithm, long Permits, long Period, long Burst)
{
    /// <summary>The terms of a limit.</summary>
    /// <remarks>Concurrency has no period; a second stands in, so that sharing by demand works the same way.</remarks>
    public static LimitTerms Of(Limit limit) => new(
        limit.Algorithm, limit.Permits, limit.Algorithm == LimitAlgorithm.Concurrency ? TimeSpan.TicksPerSecond : limit.Period.Ticks, limit.Burst);

    /// <summary>Units a second.</summary>
    public double Rate => (double)Permits / Period * TimeSpan.TicksPerSecond;
}

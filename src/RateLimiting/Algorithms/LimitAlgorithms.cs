using System.Numerics;

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>The algorithms by name, and the change from one limit to another.</summary>
internal static class LimitAlgorithms
{
    /// <inheritdoc cref="ILimitAlgorithm.Decide"/>
    public static Decision Decide(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now, long cost, bool charge) =>
        limit.Algorithm switch
        {
            LimitAlgorithm.TokenBucket => TokenBucket.Decide(limit, ref state, now, cost, charge),
            LimitAlgorithm.FixedWindow => FixedWindow.Decide(limit, ref state, now, cost, charge),
            LimitAlgorithm.SlidingWindowCounter => SlidingWindowCounter.Decide(limit, ref state, now, cost, charge),
            LimitAlgorithm.SlidingWindowLog => SlidingWindowLog.Decide(limit, ref state, slab, now, cost, charge),
            _ => ConcurrencyLimit.Decide(limit, ref state, now, cost, charge),
        };

    /// <inheritdoc cref="ILimitAlgorithm.Charge"/>
    public static void Charge(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now, long cost)
    {
        switch (limit.Algorithm)
        {
            case LimitAlgorithm.TokenBucket:
                TokenBucket.Charge(limit, ref state, now, cost);
                break;
            case LimitAlgorithm.FixedWindow:
                FixedWindow.Charge(limit, ref state, now, cost);
                break;
            case LimitAlgorithm.SlidingWindowCounter:
                SlidingWindowCounter.Charge(limit, ref state, now, cost);
                break;
            case LimitAlgorithm.SlidingWindowLog:
                SlidingWindowLog.Charge(limit, ref state, slab, now, cost);
                break;
        }
    }

    /// <inheritdoc cref="ILimitAlgorithm.Used"/>
    public static long Used(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now) =>
        limit.Algorithm switch
        {
            LimitAlgorithm.TokenBucket => TokenBucket.Used(limit, state, now),
            LimitAlgorithm.FixedWindow => FixedWindow.Used(limit, state, now),
            LimitAlgorithm.SlidingWindowCounter => SlidingWindowCounter.Used(limit, state, now),
            LimitAlgorithm.SlidingWindowLog => SlidingWindowLog.Used(limit, ref state, slab, now),
            _ => 0,
        };

    /// <summary>
    /// Turns a state kept under one limit into the state under another: the units in use stay in use, neither forgotten nor multiplied.
    /// Held units stay held.
    /// </summary>
    /// <remarks>
    /// Counts and logs of an unchanged period are kept as they are, a log's entries also under another period. A bucket keeps its used
    /// units to the fraction; where they exceed the new burst, the bucket is empty, and in debt for no longer than it was before.
    /// Anything else counts the units as if they were used now.
    /// </remarks>
    public static void Rescale(in LimitTerms from, in LimitTerms to, ref LimitState state, LogSlab? slab, long now)
    {
        if (from.Algorithm == to.Algorithm)
        {
            if (from.Algorithm == LimitAlgorithm.TokenBucket)
            {
                RescaleBucket(from, to, ref state, now);
                return;
            }

            if (from.Period == to.Period)
                return;
            if (from.Algorithm == LimitAlgorithm.SlidingWindowLog)
            {
                // Instants stay; only how long they count changes.
                if (SlidingWindowLog.Used(from, ref state, slab, now) > 0)
                    state.FreshAt += to.Period - from.Period;
                return;
            }
        }

        var used = Used(from, ref state, slab, now);
        if (from.Algorithm == LimitAlgorithm.SlidingWindowLog)
            SlidingWindowLog.Release(ref state, slab);
        state = new LimitState { Held = state.Held };
        Charge(to, ref state, slab, now, used);
    }

    private static void RescaleBucket(in LimitTerms from, in LimitTerms to, ref LimitState state, long now)
    {
        var owed = TokenBucket.Owed(from, state, now);
        if (owed <= 0)
        {
            state = new LimitState { Held = state.Held };
            return;
        }

        // A unit owes Period of 1/Permits ns, so the used units are owed / from.Period.
        var scaled = ((BigInteger)owed * to.Period + from.Period - 1) / from.Period;
        var full = (BigInteger)to.Burst * to.Period;
        if (scaled > full)
            scaled = BigInteger.Min(scaled, BigInteger.Max(full, ((BigInteger)state.FreshAt - now) * to.Permits));
        TokenBucket.Owe(to, ref state, now, (Int128)BigInteger.Min(scaled, (BigInteger)Int128.MaxValue / 2));
    }
}

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
    /// Held units stay held. False, and nothing changed, where more is in use than the new limit ever admits and the old one lets go of it sooner:
    /// until then nothing has room, as <see cref="Overdrawn"/> says, and the state stays the old limit's.
    /// </summary>
    /// <remarks>
    /// Through changes of any kind and number, admissions stay within the greatest burst and refill at the highest rate: units are counted on
    /// until a limit in force during their life has let go of them at its own rate. Counts of an unchanged period are kept (of other
    /// sub-windows: see <see cref="SlidingWindowCounter.Move"/>), a log's instants also under another period, a bucket's used units to the fraction. Anything else counts the units as if they were used now,
    /// and more than a window admits for as many windows as it would have taken.
    /// </remarks>
    public static bool TryRescale(in LimitTerms from, in LimitTerms to, ref LimitState state, LogSlab? slab, long now)
    {
        var isSame = from.Algorithm == to.Algorithm;
        if (isSame && from.Algorithm != LimitAlgorithm.TokenBucket && from.Period == to.Period)
        {
            if (from.Algorithm == LimitAlgorithm.SlidingWindowCounter)
                SlidingWindowCounter.Move(from, to, ref state, now);
            return true;
        }

        var used = Used(from, ref state, slab, now);
        var excess = to.Algorithm == LimitAlgorithm.Concurrency ? 0 : Math.Max(0, used - to.Burst);
        if (excess > 0 && WaitUntilAtMost(to.Burst, from, ref state, slab, now) < (Int128)excess * to.Period / to.Permits)
            return false;
        if (isSame && from.Algorithm == LimitAlgorithm.TokenBucket)
        {
            RescaleBucket(from, to, ref state, now);
            return true;
        }

        if (isSame && from.Algorithm == LimitAlgorithm.SlidingWindowLog && excess == 0)
        {
            // Instants stay; only how long they count changes.
            if (used > 0)
                state.FreshAt += to.Period - from.Period;
            return true;
        }

        if (from.Algorithm == LimitAlgorithm.SlidingWindowLog)
            SlidingWindowLog.Release(ref state, slab);
        state = new LimitState { Held = state.Held };
        Charge(to, ref state, slab, now, used);
        if (excess > 0 && to.Algorithm != LimitAlgorithm.TokenBucket)
            state.FreshAt += (long)Int128.Min((Int128)((used - 1) / to.Permits) * to.Period, LimitTerms.MaxSpan);
        return true;
    }

    /// <summary>
    /// What a state of an old limit, with more in use than the new one ever admits, looks like under the new one: without room, until the old limit
    /// has let go of the excess. To be looked at only.
    /// </summary>
    public static LimitState Overdrawn(in LimitTerms from, in LimitTerms to, LimitState state, LogSlab? slab, long now)
    {
        var used = Used(from, ref state, slab, now);
        var wait = (long)Int128.Clamp(WaitUntilAtMost(to.Burst, from, ref state, slab, now), 1, LimitTerms.MaxSpan);
        var seen = new LimitState { Held = state.Held, FreshAt = now + wait, Payload = (ulong)used };
        if (to.Algorithm == LimitAlgorithm.TokenBucket)
        {
            TokenBucket.Owe(to, ref seen, now, ((Int128)to.Burst * to.Period) + ((Int128)wait * to.Permits));
        }
        else if (to.Algorithm == LimitAlgorithm.SlidingWindowCounter)
        {
            seen = SlidingWindowCounter.Full(to, now + wait) with { Held = state.Held };
        }

        return seen;
    }

    /// <summary>The wait after which a limit's state has at most so many units in use, when nothing is added.</summary>
    private static Int128 WaitUntilAtMost(long units, in LimitTerms limit, ref LimitState state, LogSlab? slab, long now)
    {
        if (limit.Algorithm == LimitAlgorithm.TokenBucket)
        {
            var over = TokenBucket.Owed(limit, state, now) - ((Int128)units * limit.Period);
            return over <= 0 ? 0 : (over + limit.Permits - 1) / limit.Permits;
        }

        // So many are left in use when the rest of the limit has room. In debt, one unit's room is the nearest to it that can be asked for.
        var all = state with { Held = 0 };
        return Decide(limit, ref all, slab, now, Math.Max(1, limit.Permits - units), charge: false).RetryAfter;
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
        var scaled = (((BigInteger)owed * to.Period) + from.Period - 1) / from.Period;
        TokenBucket.Owe(to, ref state, now, (Int128)BigInteger.Min(scaled, (BigInteger)Int128.MaxValue / 2));
    }
}

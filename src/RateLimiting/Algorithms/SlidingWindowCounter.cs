namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// Two aligned windows, the earlier weighted by the part of it that a window ending now still overlaps (Cloudflare's two-counter
/// approximation). The weighted sum is compared exactly, as a fraction, never rounded in the caller's favour.
/// </summary>
/// <remarks>
/// <c>Payload</c> is the later window's count in its upper half and the earlier's in its lower, 31 bits each. The later window always has a count, and
/// <c>FreshAt</c> is the instant at which it weighs nothing any more: its start plus two periods. So the windows need no field of their own.
/// </remarks>
internal readonly struct SlidingWindowCounter : ILimitAlgorithm
{
    public static Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        Unpack(limit, state, ref now, out var windowEnd, out var earlier, out var later, out var skew);
        var need = Math.Max(cost, 1);
        var room = limit.Permits - later - Weigh(earlier, windowEnd - now, limit.Period) - state.Held;
        if (need <= room)
        {
            if (charge && cost > 0)
            {
                later += cost;
                room -= cost;
                Pack(limit, ref state, windowEnd, earlier, later);
            }

            return new Decision(true, room, 0, ResetAfter(limit, windowEnd, earlier, later, now, skew));
        }

        var retry = RetryAfter(limit, limit.Permits - state.Held - need, windowEnd, earlier, later, now);
        return new Decision(
            false, Math.Max(0, room), retry == Decision.Never ? retry : retry + skew, ResetAfter(limit, windowEnd, earlier, later, now, skew));
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, long now, long cost)
    {
        if (cost <= 0)
            return;
        Unpack(limit, state, ref now, out var windowEnd, out var earlier, out var later, out _);
        Pack(limit, ref state, windowEnd, earlier, later + Math.Min(cost, int.MaxValue));
    }

    public static long Used(in LimitTerms limit, in LimitState state, long now)
    {
        Unpack(limit, state, ref now, out var windowEnd, out var earlier, out var later, out _);
        return later + Weigh(earlier, windowEnd - now, limit.Period);
    }

    /// <summary>
    /// The two windows as seen at <paramref name="now"/>. Where the clock stepped back before the later window, now becomes that window's
    /// start (where the earlier weighs most), and <paramref name="skew"/> how far that was.
    /// </summary>
    private static void Unpack(
        in LimitTerms limit, in LimitState state, ref long now, out long windowEnd, out long earlier, out long later, out long skew)
    {
        skew = 0;
        var ahead = state.FreshAt - now;
        if (ahead <= 0)
        {
            windowEnd = ((now / limit.Period) + 1) * limit.Period;
            earlier = later = 0;
            return;
        }

        if (ahead <= limit.Period)
        {
            windowEnd = state.FreshAt;
            earlier = (long)(state.Payload >> 32);
            later = 0;
            return;
        }

        windowEnd = state.FreshAt - limit.Period;
        earlier = (long)(state.Payload & uint.MaxValue);
        later = (long)(state.Payload >> 32);
        var start = windowEnd - limit.Period;
        if (now < start)
        {
            skew = start - now;
            now = start;
        }
    }

    private static void Pack(in LimitTerms limit, ref LimitState state, long windowEnd, long earlier, long later)
    {
        // Debt beyond the greatest limit counts as that: the window is full either way.
        state.FreshAt = windowEnd + limit.Period;
        state.Payload = ((ulong)Math.Min(later, int.MaxValue) << 32) | (ulong)earlier;
    }

    /// <summary>The earlier window's weight, rounded up: every other term is whole, so this loses nothing.</summary>
    private static long Weigh(long earlier, long overlap, long period)
    {
        if (earlier == 0)
            return 0;
        var high = Math.BigMul((ulong)earlier, (ulong)overlap, out var low);
        return high == 0
            ? (long)((low / (ulong)period) + (low % (ulong)period == 0 ? 0UL : 1UL))
            : (long)((new UInt128(high, low) + (ulong)period - 1) / (ulong)period);
    }

    /// <summary>The wait until the two windows together weigh at most <paramref name="room"/>; under zero that never happens.</summary>
    private static long RetryAfter(in LimitTerms limit, long room, long windowEnd, long earlier, long later, long now)
    {
        if (room < 0)
            return Decision.Never;
        if (later <= room)
            return windowEnd - LongestOverlap(room - later, earlier, limit.Period) - now;

        // Only once the later window has become the earlier one and weighs less.
        return windowEnd + limit.Period - LongestOverlap(room, later, limit.Period) - now;
    }

    private static long LongestOverlap(long room, long count, long period) =>
        count <= room ? period : (long)((UInt128)(ulong)room * (ulong)period / (ulong)count);

    private static long ResetAfter(in LimitTerms limit, long windowEnd, long earlier, long later, long now, long skew)
    {
        if (later > 0)
            return windowEnd + limit.Period - now + skew;
        return earlier > 0 ? windowEnd - now + skew : 0;
    }
}

using System.Numerics;

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// A sliding window of sub-windows: the current one, the whole ones before it, and the oldest, of which a period that ends now still overlaps a part.
/// The oldest's units count as spread evenly over it, each in the middle of its share: so its weight is its count times the overlap, to the nearest unit.
/// </summary>
/// <remarks>
/// <para>
/// Promise, with a limit of L and n sub-windows a period: a span of at most n-1 n-ths of a period admits at most L, wherever it begins, since all its
/// units count in full. A span of s periods, up to one, admits at most L x (1 + s) + 1/2. Proof: let e be the part of the current sub-window that has passed and c the
/// oldest's count. What is admitted brings whole + (c - ce) to at most L + 1/2, and the span has at most whole + c, so L + ce + 1/2 with c at most L; and it
/// begins in the oldest, so s is at least (n-1)/n + e/n, which is at least e. It is reached when all of L comes at the end of one sub-window and is asked for again until a
/// period later. With even arrivals at most one unit is too many.
/// </para>
/// <para>
/// Sub-windows are numbered from the Unix epoch: number g is the time from g/n to (g+1)/n periods, as exact fractions. <c>FreshAt</c> is the first nanosecond
/// of sub-window g+n+1, where g is the newest with a count, and so tells g. <c>Payload</c> is the n+1 counts from g back, the newest in the lowest bits. A count is at
/// least as wide as the limit; debt beyond that counts as the greatest count: the window is full either way.
/// </para>
/// <para>
/// Source: sub-windows as in .NET's SlidingWindowRateLimiter, the oldest weighted as by Cloudflare ("How we built rate limiting capable of scaling to millions
/// of domains", 2017). Rounding the weight up was tried: almost every unit then leaves a fraction of its share late, and under flood each request in that fraction is
/// rejected wrongly, three times as many wrong decisions in all (bench/RateLimiter/Accuracy.cs).
/// </para>
/// </remarks>
internal readonly struct SlidingWindowCounter : ILimitAlgorithm
{
    private const int PayloadBits = 63;

    /// <summary>The sub-windows of a period: as many as have counts wide enough for the limit, but at most 8, and none shorter than a microsecond.</summary>
    public static int SubWindows(long permits, long period)
    {
        var width = Math.Max(7, 64 - BitOperations.LeadingZeroCount((ulong)permits));
        return (int)Math.Min((PayloadBits / width) - 1, (period + 999) / 1000);
    }

    /// <summary>The bits of each count.</summary>
    public static int CountBits(int subWindows) => Math.Min(PayloadBits / (subWindows + 1), 31);

    public static Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        var counts = Look(limit, state, now, out var number, out var overlap);
        var need = Math.Max(cost, 1);
        var room = limit.Permits - Weigh(limit, counts, overlap) - state.Held;
        if (need <= room)
        {
            if (charge && cost > 0)
            {
                Add(limit, ref state, number, counts, cost);
                room -= cost;
            }

            return new Decision(true, room, 0, Math.Max(0, state.FreshAt - now));
        }

        var most = limit.Permits - state.Held - need;
        var retry = most < 0 ? Decision.Never : WhenAtMost(limit, most, number, counts) - now;
        return new Decision(false, Math.Max(0, room), retry, Math.Max(0, state.FreshAt - now));
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, long now, long cost)
    {
        if (cost <= 0)
            return;
        var counts = Look(limit, state, now, out var number, out _);
        Add(limit, ref state, number, counts, cost);
    }

    public static long Used(in LimitTerms limit, in LimitState state, long now)
    {
        var counts = Look(limit, state, now, out _, out var overlap);
        return Weigh(limit, counts, overlap);
    }

    /// <summary>A state with these counts, the newest of which, in the lowest bits, is that of sub-window <paramref name="number"/>.</summary>
    public static LimitState StateOf(in LimitTerms limit, long number, ulong counts)
    {
        if (counts == 0)
            return default;
        var mask = Mask(limit);
        while ((counts & mask) == 0)
        {
            counts >>= limit.CountBits;
            number--;
        }

        return new LimitState { FreshAt = StartOf(limit, number + limit.SubWindows + 1), Payload = counts };
    }

    /// <summary>A state of which all of the limit is used at an instant.</summary>
    public static LimitState Full(in LimitTerms limit, long at) => StateOf(limit, NumberOf(limit, at, out _), (ulong)limit.Permits);

    /// <summary>
    /// Turns the counts of one limit into those of another of the same period, whose sub-windows may be others: each count moves to the sub-window in which its
    /// own ends, or to the current one. So no unit is forgotten before its time, and none, through changes of any number, is kept over the end of the period
    /// in which it was used and another one.
    /// </summary>
    public static void Move(in LimitTerms from, in LimitTerms to, ref LimitState state, long now)
    {
        if (from.SubWindows == to.SubWindows || state.FreshAt <= now)
            return;
        var counts = Look(from, state, now, out var number, out _);
        var newest = NumberOf(to, Math.Max(now, StartOf(from, number)), out _);
        var moved = 0UL;
        for (; counts != 0; counts >>= from.CountBits, number--)
        {
            var (period, part) = Math.DivRem(number, from.SubWindows);
            var target = Math.Min(newest, (period * to.SubWindows) + ((((part + 1) * to.SubWindows) - 1) / from.SubWindows));
            moved = Plus(to, moved, (int)(newest - target), counts & Mask(from));
        }

        state = StateOf(to, newest, moved) with { Held = state.Held };
    }

    /// <summary>
    /// The counts as seen at <paramref name="now"/>, from sub-window <paramref name="number"/> back, of the oldest of which a period overlaps
    /// <paramref name="overlap"/> / period. Where the clock stepped back before the newest, that is its start, where the oldest weighs most.
    /// </summary>
    private static ulong Look(in LimitTerms limit, in LimitState state, long now, out long number, out long overlap)
    {
        number = NumberOf(limit, now, out overlap);
        if (state.FreshAt <= now)
            return 0;
        var newest = NumberOf(limit, state.FreshAt, out _) - limit.SubWindows - 1;
        var age = number - newest;
        if (age >= 0)
            return (state.Payload << ((int)age * limit.CountBits)) & (ulong.MaxValue >> (64 - ((limit.SubWindows + 1) * limit.CountBits)));
        number = newest;
        overlap = limit.Period;
        return state.Payload;
    }

    private static void Add(in LimitTerms limit, ref LimitState state, long number, ulong counts, long cost)
    {
        state.Payload = Plus(limit, counts, 0, (ulong)cost);
        state.FreshAt = StartOf(limit, number + limit.SubWindows + 1);
    }

    private static ulong Plus(in LimitTerms limit, ulong counts, int age, ulong units)
    {
        var at = age * limit.CountBits;
        var mask = Mask(limit);
        return (counts & ~(mask << at)) | (Math.Min(((counts >> at) & mask) + units, mask) << at);
    }

    private static ulong Mask(in LimitTerms limit) => (1UL << limit.CountBits) - 1;

    private static long NumberOf(in LimitTerms limit, long instant, out long overlap)
    {
        var period = LimitTerms.Divide((ulong)instant, (ulong)limit.Period, limit.PeriodReciprocal, out var phase);
        var part = LimitTerms.Divide(phase * (ulong)limit.SubWindows, (ulong)limit.Period, limit.PeriodReciprocal, out var elapsed);
        overlap = limit.Period - (long)elapsed;
        return (long)((period * (ulong)limit.SubWindows) + part);
    }

    /// <summary>The first nanosecond of a sub-window. No sub-window is shorter than one, so it is in that sub-window.</summary>
    private static long StartOf(in LimitTerms limit, long number)
    {
        var (period, part) = Math.DivRem(number, limit.SubWindows);
        return (period * limit.Period) + (((part * limit.Period) + limit.SubWindows - 1) / limit.SubWindows);
    }

    private static long Weigh(in LimitTerms limit, ulong counts, long overlap)
    {
        var whole = Whole(limit, ref counts);
        return whole + WeighOldest((long)counts, overlap, limit);
    }

    /// <summary>The units of all but the oldest sub-window, which alone is left in <paramref name="counts"/>.</summary>
    private static long Whole(in LimitTerms limit, ref ulong counts)
    {
        var (bits, mask, sum) = (limit.CountBits, Mask(limit), 0UL);
        for (var i = limit.SubWindows; i > 0; i--)
        {
            sum += counts & mask;
            counts >>= bits;
        }

        return (long)sum;
    }

    /// <summary>
    /// The units still inside the period: of <paramref name="count"/>, the i-th leaves when (2i - 1) / 2count of the sub-window has left. That is
    /// count x overlap / period to the nearest unit, a half rounded down.
    /// </summary>
    private static long WeighOldest(long count, long overlap, in LimitTerms limit)
    {
        if (count == 0)
            return 0;
        var high = Math.BigMul((ulong)count * 2, (ulong)overlap, out var low);
        return high == 0 && low <= long.MaxValue / 2
            ? (long)(LimitTerms.Divide(low + (ulong)limit.Period - 1, (ulong)limit.Period, limit.PeriodReciprocal, out _) / 2)
            : (long)((new UInt128(high, low) + (ulong)limit.Period - 1) / (ulong)limit.Period) / 2;
    }

    /// <summary>The first instant at which the counts weigh at most so many units, when they weigh more in sub-window <paramref name="number"/> yet.</summary>
    private static long WhenAtMost(in LimitTerms limit, long most, long number, ulong counts)
    {
        while (true)
        {
            var oldest = counts;
            var leaving = Whole(limit, ref oldest) - most;
            if (leaving <= 0)
            {
                leaving += (long)oldest;
                return leaving <= 0 ? StartOf(limit, number) : WhenLeft(limit, leaving, (long)oldest, number);
            }

            counts = (counts << limit.CountBits) & (ulong.MaxValue >> (64 - ((limit.SubWindows + 1) * limit.CountBits)));
            number++;
        }
    }

    /// <summary>The first instant at which so many of the oldest sub-window's units have left, in sub-window <paramref name="number"/>.</summary>
    private static long WhenLeft(in LimitTerms limit, long leaving, long oldest, long number)
    {
        var (period, part) = Math.DivRem(number, limit.SubWindows);
        var share = 2 * oldest;
        var high = Math.BigMul((ulong)((part * share) + (2 * leaving) - 1), (ulong)limit.Period, out var low);
        var by = (ulong)(share * limit.SubWindows);
        return (period * limit.Period) + (high == 0
            ? (long)((low / by) + (low % by == 0 ? 0UL : 1UL))
            : (long)((new UInt128(high, low) + by - 1) / by));
    }

}

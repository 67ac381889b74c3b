using System.Runtime.CompilerServices;

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>A limit's numbers as the algorithms want them: integers, nanoseconds, and what can be computed once.</summary>
internal readonly struct LimitTerms
{
    /// <summary>The longest time a token bucket can be booked ahead: about 146 years. A greater burst counts as this much.</summary>
    public const long MaxSpan = 1L << 62;

    public LimitTerms(LimitAlgorithm algorithm, long permits, TimeSpan period, long burst)
    {
        Algorithm = algorithm;
        Permits = permits;
        Period = period.Ticks * 100;
        Burst = burst;
        Tag = TagOf((ulong)algorithm, (ulong)permits, (ulong)Period, (ulong)burst);
        if (algorithm == LimitAlgorithm.SlidingWindowCounter)
        {
            SubWindows = SlidingWindowCounter.SubWindows(permits, Period);
            CountBits = SlidingWindowCounter.CountBits(SubWindows);
            PeriodReciprocal = ulong.MaxValue / (ulong)Period;
        }

        if (algorithm != LimitAlgorithm.TokenBucket)
            return;
        var longest = (UInt128)(ulong)MaxSpan * (ulong)permits / (ulong)Period;
        Burst = longest < (ulong)burst ? Math.Max(1, (long)longest) : burst;

        // The fast path multiplies in 64 bits: it is taken while no product can pass 2^62.
        FastSpan = MaxSpan / permits;
        FastCost = MaxSpan / Period;
        PermitsReciprocal = ulong.MaxValue / (ulong)permits;
        PeriodReciprocal = ulong.MaxValue / (ulong)Period;
        Capacity = Burst <= FastCost ? Burst * Period : 0;
    }

    /// <summary>Tells the versions of one limit apart: states carry it. Never 0.</summary>
    public ushort Tag { get; }

    /// <summary>How it counts.</summary>
    public LimitAlgorithm Algorithm { get; }

    /// <summary>Units a <see cref="Period"/>.</summary>
    public long Permits { get; }

    /// <summary>Nanoseconds.</summary>
    public long Period { get; }

    /// <summary>The most units at one instant.</summary>
    public long Burst { get; }

    /// <summary>Token bucket: a wait in nanoseconds up to this, times <see cref="Permits"/>, fits 62 bits.</summary>
    public long FastSpan { get; }

    /// <summary>Token bucket: a cost up to this, times <see cref="Period"/>, fits 62 bits.</summary>
    public long FastCost { get; }

    /// <summary>Token bucket: <see cref="Burst"/> times <see cref="Period"/>, or 0 where that does not fit 62 bits.</summary>
    public long Capacity { get; }

    /// <summary>Token bucket: 2^64 / <see cref="Permits"/>, for <see cref="Divide"/>.</summary>
    public ulong PermitsReciprocal { get; }

    /// <summary>Token bucket, sliding counter: 2^64 / <see cref="Period"/>, for <see cref="Divide"/>.</summary>
    public ulong PeriodReciprocal { get; }

    /// <summary>Sliding counter: sub-windows a <see cref="Period"/>.</summary>
    public int SubWindows { get; }

    /// <summary>Sliding counter: the bits of a sub-window's count.</summary>
    public int CountBits { get; }

    /// <summary>Divides exactly by a number whose reciprocal is known: two multiplications in place of a division.</summary>
    /// <param name="value">Under 2^63.</param>
    /// <param name="by">At least 1.</param>
    /// <param name="reciprocal">(2^64 - 1) / <paramref name="by"/>, rounded down.</param>
    /// <param name="remainder">What is left.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Divide(ulong value, ulong by, ulong reciprocal, out ulong remainder)
    {
        // The reciprocal is less than one too small, so the quotient is at most one too small.
        var quotient = Math.BigMul(value, reciprocal, out _);
        remainder = value - (quotient * by);
        if (remainder < by)
            return quotient;
        remainder -= by;
        return quotient + 1;
    }

    private static ushort TagOf(params ReadOnlySpan<ulong> values)
    {
        var mixed = 0x9E3779B97F4A7C15UL;
        foreach (var value in values)
        {
            mixed = (mixed ^ value) * 0xD6E8FEB86659FD93UL;
            mixed ^= mixed >> 32;
        }

        return (ushort)Math.Max(1, (mixed * 0xD6E8FEB86659FD93UL) >> 48);
    }
}

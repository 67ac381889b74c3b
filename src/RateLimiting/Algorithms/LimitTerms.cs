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
        if (algorithm != LimitAlgorithm.TokenBucket)
            return;
        var longest = (UInt128)(ulong)MaxSpan * (ulong)permits / (ulong)Period;
        Burst = longest < (ulong)burst ? Math.Max(1, (long)longest) : burst;

        // The fast path multiplies in 64 bits: it is taken while no product can pass 2^62.
        FastSpan = MaxSpan / permits;
        FastCost = MaxSpan / Period;
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

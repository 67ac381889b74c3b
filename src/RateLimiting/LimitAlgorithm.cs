namespace Tenfold.RateLimiting;

/// <summary>How a <see cref="Limit"/> counts.</summary>
public enum LimitAlgorithm
{
    /// <summary>
    /// Token bucket as the generic cell rate algorithm (ITU-T I.371): <see cref="Limit.Permits"/> a <see cref="Limit.Period"/> on
    /// average, at most <see cref="Limit.Burst"/> at once. One arrival time a key. The default.
    /// </summary>
    TokenBucket,

    /// <summary>At most <see cref="Limit.Permits"/> in each aligned window. Cheapest; lets up to twice the limit through across an edge.</summary>
    FixedWindow,

    /// <summary>
    /// Two aligned windows, the earlier weighted by its overlap: about <see cref="Limit.Permits"/> in any window,
    /// exact when the earlier window's arrivals were even.
    /// </summary>
    SlidingWindowCounter,

    /// <summary>At most <see cref="Limit.Permits"/> in any window whatsoever, exactly. Memory grows with the limit.</summary>
    SlidingWindowLog,

    /// <summary>At most <see cref="Limit.Permits"/> held at a time. Only through reserve and settle; an abandoned hold expires.</summary>
    Concurrency,
}

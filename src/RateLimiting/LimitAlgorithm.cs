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
    /// A period of up to eight aligned sub-windows (8 to 127 permits, 6 to 511, 5 to 1,023, 4 to 4,095, 3 to 32,767, 2 to 2,097,151, then 1), the oldest
    /// weighted by its overlap. In 16 bytes about <see cref="Limit.Permits"/> in any period: in a span up to a period at most
    /// Permits × (1 + span / period), to half a unit; with even arrivals at most one unit too many; in any n-1 of n sub-windows' time never too many.
    /// </summary>
    SlidingWindowCounter,

    /// <summary>At most <see cref="Limit.Permits"/> in any window whatsoever, exactly. Memory grows with the limit.</summary>
    SlidingWindowLog,

    /// <summary>At most <see cref="Limit.Permits"/> held at a time. Only through reserve and settle; an abandoned hold expires.</summary>
    Concurrency,
}

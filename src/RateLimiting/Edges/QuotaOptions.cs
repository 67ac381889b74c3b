namespace Tenfold.RateLimiting.Edges;

/// <summary>How Envoy's quota service (RLQS) is served.</summary>
internal sealed record QuotaOptions
{
    /// <summary>How long an assignment lasts. Default 10 s: the time for which a proxy that was cut off keeps its rate.</summary>
    public TimeSpan TimeToLive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A bucket without a report for this long is abandoned. Default 60 s.</summary>
    public TimeSpan AbandonAfter { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The most buckets of one stream. Default 1,000; more end it as exhausted.</summary>
    public int MaxBuckets { get; init; } = 1000;

    /// <summary>The longest bucket id: all its names and values together, in characters. Default 4,096.</summary>
    public int MaxBucketIdLength { get; init; } = 4096;

    /// <summary>The most streams at a time. Default 10,000.</summary>
    public int MaxStreams { get; init; } = 10_000;
}

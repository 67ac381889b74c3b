namespace Tenfold.RateLimiting.Edges;

/// <summary>What a handler says its request cost.</summary>
internal sealed class HttpCostFeature
{
    public long? Cost { get; set; }
}

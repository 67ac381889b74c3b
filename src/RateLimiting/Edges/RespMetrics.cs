using System.Diagnostics.Metrics;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The Redis-protocol face's part of the Meter <c>Tenfold.RateLimiting</c>: read from counts that are kept anyway.</summary>
internal sealed class RespMetrics
{
    public RespMetrics(IMeterFactory meters, RespStatistics statistics)
    {
        var meter = meters.Create("Tenfold.RateLimiting");
        meter.CreateObservableUpDownCounter(
            "tenfold.rate_limiter.resp.connections", () => statistics.Connections, "{connection}", "Redis clients connected");
        meter.CreateObservableCounter(
            "tenfold.rate_limiter.resp.decisions",
            () => new Measurement<long>[] { new(statistics.Admitted, Tag("outcome", "admitted")), new(statistics.Limited, Tag("outcome", "rejected")) },
            "{decision}",
            "CL.THROTTLE commands decided, by outcome");
        meter.CreateObservableCounter(
            "tenfold.rate_limiter.resp.refusals",
            () => new Measurement<long>[]
            {
                new(statistics.ProtocolFaults, Tag("reason", "protocol")),
                new(statistics.LoginsRefused, Tag("reason", "login")),
                new(statistics.ConnectionsRefused, Tag("reason", "too_many_connections")),
            },
            "{refusal}",
            "Redis clients refused, by reason");
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

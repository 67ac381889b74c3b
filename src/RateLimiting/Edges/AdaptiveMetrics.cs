using System.Diagnostics.Metrics;
using Tenfold.RateLimiting.Adaptive;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The adaptive limiter's part of the Meter <c>Tenfold.RateLimiting</c>: read from counts that are kept anyway. Tags are priorities, never tenants.</summary>
internal sealed class AdaptiveMetrics
{
    private static readonly WorkPriority[] Priorities = Enum.GetValues<WorkPriority>();

    private readonly long[] _admitted = new long[Priorities.Length];
    private readonly long[] _shed = new long[Priorities.Length];

    public AdaptiveMetrics(IMeterFactory meters, IAdaptiveLimiter limiter)
    {
        var meter = meters.Create(RateLimitingMetrics.MeterName);
        meter.CreateObservableGauge("tenfold.rate_limiter.adaptive.limit", () => limiter.Limit, "{request}", "Requests that may be at work at a time");
        meter.CreateObservableGauge("tenfold.rate_limiter.adaptive.in_flight", () => limiter.InFlight, "{request}", "Requests at work");
        meter.CreateObservableCounter("tenfold.rate_limiter.adaptive.decisions", Decisions, "{decision}", "Requests admitted and shed, by priority");
    }

    public void Count(WorkPriority priority, bool admitted) => Interlocked.Increment(ref (admitted ? _admitted : _shed)[(int)priority]);

    private IEnumerable<Measurement<long>> Decisions()
    {
        foreach (var priority in Priorities)
        {
            yield return Measure(_admitted, priority, "admitted");
            yield return Measure(_shed, priority, "shed");
        }
    }

    private static Measurement<long> Measure(long[] counts, WorkPriority priority, string outcome) => new(
        Volatile.Read(ref counts[(int)priority]),
        new KeyValuePair<string, object?>("priority", priority.ToString().ToLowerInvariant()),
        new KeyValuePair<string, object?>("outcome", outcome));
}

using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting;

/// <summary>What the host, the console and <c>tenfold status</c> show of the rate limiter.</summary>
internal sealed class RateLimitingSystem(
    IOptions<RateLimitingOptions> options, CurrentRules rules, EngineHealth health, DecisionObserver observer,
    RespListener? resp = null) : ITenfoldSystem
{
    /// <inheritdoc/>
    public string Name => "rate-limiter";

    /// <inheritdoc/>
    public string Title => "Rate limiter";

    /// <inheritdoc/>
    public string Promise => "Never more than the limit says, on one node or many, and a reason for each rejection.";

    /// <inheritdoc/>
    public SystemStatus GetStatus()
    {
        var (unavailable, decisions, rejected) = health.Look();
        var detail = unavailable
            ? "The engine cannot be asked: rules fall back as their WhenUnavailable says."
            : rules.LastFault is { } fault ? $"Changed rules were refused, the rules before go on: {fault}" : null;
        return new SystemStatus(
            detail is null ? SystemHealth.Healthy : SystemHealth.Degraded,
            EngineAddress.Parse(options.Value.Engine).ToString(),
            detail,
            Addresses(),
            [
                new SystemFigure("decisions/s", Math.Round(decisions, 1), "{decision}/s"),
                new SystemFigure("rejected/s", Math.Round(rejected, 1), "{decision}/s"),
                new SystemFigure("p99", LatencyHistogram.Quantile(observer.Latency.Copy(), 0.99), "s"),
                new SystemFigure("rules", rules.Current.Rules.Length, "{rule}"),
            ]);
    }

    private Dictionary<string, string> Addresses() =>
        resp?.EndPoint is { } end ? new(StringComparer.Ordinal) { ["redis"] = end.ToString() } : [];
}

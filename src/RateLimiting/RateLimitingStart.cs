using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting;

/// <summary>Makes engine, rules and metrics when the host starts, so that what is wrong shows then and not on the first request.</summary>
internal sealed class RateLimitingStart(
    IOptions<RateLimitingOptions> options, ILimitStore store, CurrentRules rules, RateLimitingMetrics metrics, ILogger<RateLimitingStart> log) : IHostedService
{
    /// <summary>What is kept alive by the host: the engine decides, the metrics are read by whoever listens.</summary>
    internal (ILimitStore Store, RateLimitingMetrics Metrics) Started { get; } = (store, metrics);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        RateLimitingLog.Started(log, EngineAddress.Parse(options.Value.Engine).ToString(), rules.Current.Rules.Length);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

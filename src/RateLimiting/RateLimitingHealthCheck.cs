using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tenfold.RateLimiting;

/// <summary>
/// Healthy; degraded while the engine cannot be asked or changed rules were refused. Never unhealthy: rules say what happens without the engine, and taking a
/// node out of service for it would turn a weaker limit into an outage.
/// </summary>
internal sealed class RateLimitingHealthCheck(RateLimitingSystem system) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = system.GetStatus();
        return Task.FromResult(
            status.Health == SystemHealth.Healthy ? HealthCheckResult.Healthy($"engine {status.Engine}") : HealthCheckResult.Degraded(status.Detail));
    }
}

using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tenfold.Server.Api;

/// <summary><c>/health/live</c>: restart me when this fails. <c>/health/ready</c>: send me nothing while this fails.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync }).AllowAnonymous();
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = WriteAsync }).AllowAnonymous();
    }

    private static Task WriteAsync(HttpContext context, HealthReport report) =>
        context.Response.WriteAsJsonAsync(new
        {
            status = report.Status switch
            {
                HealthStatus.Healthy => "healthy",
                HealthStatus.Degraded => "degraded",
                _ => "unhealthy",
            },
            checks = report.Entries.Where(e => e.Value.Status != HealthStatus.Healthy).Select(e => new { name = e.Key, reason = e.Value.Description }),
        });
}

/// <summary>The systems' own word on their health.</summary>
internal sealed class SystemsHealthCheck(IEnumerable<ITenfoldSystem> systems) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var ill = systems.Select(s => (s.Name, Status: s.GetStatus())).Where(s => s.Status.Health != SystemHealth.Healthy).ToList();
        var reasons = string.Join("; ", ill.Select(s => $"{s.Name}: {s.Status.Detail}"));
        // Degraded systems still work, and taking them out of the balancer would make matters worse.
        return Task.FromResult(ill.Count == 0 ? HealthCheckResult.Healthy()
            : ill.Exists(s => s.Status.Health == SystemHealth.Unhealthy) ? HealthCheckResult.Unhealthy(reasons)
            : HealthCheckResult.Degraded(reasons));
    }
}

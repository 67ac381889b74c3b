using Microsoft.AspNetCore.Routing;
using Tenfold.RateLimiting.Edges;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the rate limiter's gRPC services.</summary>
public static class EnvoyEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps Envoy's rate limit service (<c>envoy.service.ratelimit.v3.RateLimitService</c>), <c>grpc.health.v1.Health</c> and reflection. They need
    /// HTTP/2: over plain text, an address of Kestrel that speaks nothing else.
    /// </summary>
    /// <exception cref="InvalidOperationException"><c>AddTenfoldRateLimitingGrpc</c> was not called.</exception>
    public static IEndpointRouteBuilder MapTenfoldRateLimitingGrpc(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.MapGrpcService<EnvoyRateLimitService>();
        endpoints.MapGrpcService<QuotaService>();
        endpoints.MapGrpcHealthChecksService();
        endpoints.MapGrpcReflectionService();
        return endpoints;
    }
}

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Registers Envoy's rate limit service. Part of <c>AddTenfoldRateLimiting</c>.</summary>
internal static class EnvoyServices
{
    // Attributes are bounded, so an honest call is far smaller; a dishonest one is refused before it is read.
    private const int MaxCallBytes = 256 * 1024;

    /// <summary>Adds gRPC, its health and reflection services, and the service itself.</summary>
    public static IServiceCollection AddEnvoyFace(this IServiceCollection services)
    {
        services.AddGrpc().AddServiceOptions<EnvoyRateLimitService>(service => service.MaxReceiveMessageSize = MaxCallBytes);
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks();
        services.TryAddSingleton<EnvoyRateLimitService>();
        return services;
    }
}

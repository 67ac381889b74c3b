using Microsoft.Extensions.DependencyInjection.Extensions;
using Tenfold.RateLimiting.Edges;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the rate limiter's gRPC services.</summary>
public static class EnvoyServiceCollectionExtensions
{
    // Attributes are bounded, so an honest call is far smaller; a dishonest one is refused before it is read.
    private const int MaxCallBytes = 256 * 1024;

    /// <summary>
    /// Adds what <c>MapTenfoldRateLimitingGrpc</c> maps. Needs <c>AddTenfoldRateLimiting</c>; adding it twice changes nothing.
    /// </summary>
    public static IServiceCollection AddTenfoldRateLimitingGrpc(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddGrpc()
            .AddServiceOptions<EnvoyRateLimitService>(service => service.MaxReceiveMessageSize = MaxCallBytes)
            .AddServiceOptions<QuotaService>(service => service.MaxReceiveMessageSize = MaxCallBytes);
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks();
        services.TryAddSingleton<EnvoyRateLimitService>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<QuotaDirectory>();
        services.TryAddSingleton<QuotaOptions>();
        services.TryAddSingleton<QuotaService>();
        return services;
    }
}

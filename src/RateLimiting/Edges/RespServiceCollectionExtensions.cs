using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the rate limiter's Redis-protocol face.</summary>
public static class RespServiceCollectionExtensions
{
    /// <summary>
    /// Lets Redis clients ask the rate limiter: <c>CL.THROTTLE</c> as redis-cell, and <c>TENFOLD.ACQUIRE</c> by the configured rules. Listens on
    /// <c>Tenfold:RateLimiting:Resp:Address</c> while the host runs. Needs <c>AddTenfoldRateLimiting</c>; adding it twice changes nothing.
    /// </summary>
    public static IServiceCollection AddTenfoldRateLimitingResp(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.TryAddSingleton<RespStatistics>();
        services.TryAddSingleton<RespMetrics>();
        services.TryAddSingleton(provider => new RespCommands(
            new RespThrottle(provider.GetRequiredService<ILimitStore>()),
            new RespDecisions(provider.GetRequiredService<IRateLimiter>()),
            Options(provider),
            provider.GetRequiredService<RespStatistics>()));
        services.TryAddSingleton(provider =>
        {
            _ = provider.GetRequiredService<RespMetrics>();
            return ActivatorUtilities.CreateInstance<RespListener>(provider, Options(provider));
        });
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, RespListener>(
            provider => provider.GetRequiredService<RespListener>()));
        return services;
    }

    private static RespOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Resp;
}

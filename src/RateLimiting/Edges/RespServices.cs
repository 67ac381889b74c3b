using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Registers the Redis-protocol face. Part of <c>AddTenfoldRateLimiting</c>.</summary>
internal static class RespServices
{
    /// <summary>Adds the listener; it needs the limiter's options, engine and rules, which are registered beside it.</summary>
    public static IServiceCollection AddRespFace(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<RespStatistics>();
        services.TryAddSingleton(provider => new RespCommands(
            new RespThrottle(provider.GetRequiredService<ILimitStore>()),
            new RespDecisions(provider.GetRequiredService<IRateLimiter>()),
            Options(provider),
            provider.GetRequiredService<RespStatistics>()));
        services.TryAddSingleton(provider => ActivatorUtilities.CreateInstance<RespListener>(provider, Options(provider)));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, RespListener>(
            provider => provider.GetRequiredService<RespListener>()));
        return services;
    }

    private static RespOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Resp;
}

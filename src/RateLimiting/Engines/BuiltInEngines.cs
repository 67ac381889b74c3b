using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The engines that <c>AddTenfoldRateLimiting</c> registers.</summary>
internal static class BuiltInEngines
{
    /// <summary>In this process.</summary>
    public static LimitEngine Embedded { get; } = new(
        "embedded",
        "embedded:",
        (services, options, _) => new EmbeddedLimitStore(options.Embedded, Time(services), Loggers(services)));

    /// <summary>Redis, Valkey or Garnet.</summary>
    public static LimitEngine Redis { get; } = new("redis", "redis://host:6379", CreateRedis);

    /// <summary>The same over TLS.</summary>
    public static LimitEngine RedisOverTls { get; } = new("rediss", "rediss://host:6379", CreateRedis);

    /// <summary>Nodes that decide from leased units; its silo is added when services are (see <see cref="HierarchicalSilo"/>).</summary>
    public static LimitEngine Hierarchical { get; } = new(
        "orleans", "orleans://local/", (services, _, _) => services.GetRequiredService<HierarchicalLimitStore>());

    /// <summary>The store of this node alone, for when the engine cannot be asked. It keeps no journal: that is the engine's own file.</summary>
    public static ILimitStore CreateLocal(IServiceProvider services)
    {
        var embedded = services.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Embedded;
        var standIn = new EmbeddedStoreOptions { MaxKeys = embedded.MaxKeys, MaxLogBytes = embedded.MaxLogBytes, MaxReservations = embedded.MaxReservations };
        return new EmbeddedLimitStore(standIn, Time(services), Loggers(services));
    }

    private static RedisLimitStore CreateRedis(IServiceProvider services, RateLimitingOptions options, EngineAddress address)
    {
        // With its password, which the address does not show.
        options.Redis.Address = options.Engine;
        return new RedisLimitStore(options.Redis, Time(services), Loggers(services));
    }

    private static TimeProvider Time(IServiceProvider services) => services.GetRequiredService<TimeProvider>();

    private static ILoggerFactory Loggers(IServiceProvider services) => services.GetRequiredService<ILoggerFactory>();
}

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Registers the hierarchical engine: this process hosts or joins an Orleans silo.</summary>
internal static class HierarchicalServices
{
    /// <summary>
    /// Adds the store and its silo. <c>orleans://local/</c>: one silo in this process, on loopback. <c>orleans://redis/host:port</c>: silos that find
    /// each other through that Redis.
    /// </summary>
    /// <exception cref="FormatException">The address is neither; the message says what it should be.</exception>
    public static IServiceCollection AddHierarchicalLimitStore(this IServiceCollection services, HierarchyOptions options, EngineAddress address)
    {
        var redis = RedisOf(address);
        services.AddHierarchicalSite(options, oneClock: redis is null);
        services.TryAddSingleton(provider => new HierarchicalLimitStore(
            options, provider.GetRequiredService<HierarchicalSite>(), provider.GetRequiredService<IGrainFactory>(),
            () => Nodes(provider.GetRequiredService<IClusterMembershipService>()), provider.GetRequiredService<ILoggerFactory>()));
        if (redis is null)
        {
            services.TryAddSingleton<IRootTenure, LocalRootTenure>();
            services.AddOrleans(silo => silo.UseLocalhostClustering(FreePort("127.0.0.1", options.SiloPort), gatewayPort: 0, serviceId: options.ClusterId, clusterId: options.ClusterId));
            return services;
        }

        services.TryAddSingleton<IRootTenure>(_ => new RedisRootTenure(redis, options.ClusterId));
        services.AddOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.ClusterId, options.ClusterId));
            // The port is found only when the silo is made, so that little time is left for another to take it.
            silo.Configure<EndpointOptions>(endpoint => (endpoint.AdvertisedIPAddress, endpoint.SiloPort, endpoint.GatewayPort) =
                (IPAddress.Parse(options.SiloAddress), FreePort(options.SiloAddress, options.SiloPort), 0));
            silo.UseRedisClustering(clustering => clustering.ConfigurationOptions = redis);
        });
        return services;
    }

    /// <summary>Adds what engine and grains share.</summary>
    public static IServiceCollection AddHierarchicalSite(this IServiceCollection services, HierarchyOptions options, bool oneClock)
    {
        services.TryAddSingleton(options);
        services.TryAddSingleton(provider => new HierarchicalSite(
            new HierarchicalClock(provider.GetService<TimeProvider>() ?? TimeProvider.System), options.ToTerms(oneClock), TimeProvider.System, oneClock));
        return services;
    }

    /// <summary>Nodes that were alive when membership was last read: what is known while nobody can be reached.</summary>
    public static int Nodes(IClusterMembershipService membership) =>
        membership.CurrentSnapshot.Members.Values.Count(member => member.Status is SiloStatus.Active);

    /// <summary>Says what is wrong with an address for this engine, or null.</summary>
    public static string? Fault(EngineAddress address)
    {
        try
        {
            RedisOf(address);
            return null;
        }
        catch (FormatException fault)
        {
            return fault.Message;
        }
    }

    private static ConfigurationOptions? RedisOf(EngineAddress address)
    {
        var rest = address.Rest.TrimEnd('/');
        if (address.Scheme == "orleans" && rest is "local" or "")
            return null;
        if (address.Scheme != "orleans" || !rest.StartsWith("redis/", StringComparison.Ordinal) || rest.Length == "redis/".Length)
            throw new FormatException("this names no cluster: write orleans://local/ for a silo in this process, or orleans://redis/host:6379");
        var configuration = RedisAddress.Parse("redis://" + rest["redis/".Length..]);
        configuration.AbortOnConnectFail = false;
        return configuration;
    }

    private static int FreePort(string address, int port)
    {
        if (port != 0)
            return port;
        var own = IPAddress.Parse(address);
        using var probe = new Socket(own.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(own, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tenfold;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Tenfold's rate limiter.</summary>
public static class RateLimitingServiceCollectionExtensions
{
    /// <summary>
    /// Adds the rate limiter: <see cref="IRateLimiter"/>, its engine and its rules, read from the configuration section
    /// <c>Tenfold:RateLimiting</c> and followed while it runs. Opens no port. Adding it twice changes nothing.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Changes options after the configuration was read.</param>
    /// <remarks>
    /// All options are checked when the host starts; a fault stops the start with every fault named. An engine of <c>orleans://</c> must be known
    /// already here: use the overload that takes the configuration.
    /// </remarks>
    public static IServiceCollection AddTenfoldRateLimiting(this IServiceCollection services, Action<RateLimitingOptions>? configure = null) =>
        Add(services, configure);

    /// <summary>
    /// As <see cref="AddTenfoldRateLimiting(IServiceCollection, Action{RateLimitingOptions}?)"/>, with any engine: where <c>Tenfold:RateLimiting:Engine</c>
    /// is <c>orleans://</c>, this process becomes a silo of that cluster when the host starts. With any other engine there is none.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configuration">The application's configuration (<c>builder.Configuration</c>), complete but for what is changed while it runs.</param>
    /// <param name="configure">Changes options after the configuration was read.</param>
    public static IServiceCollection AddTenfoldRateLimiting(
        this IServiceCollection services, IConfiguration configuration, Action<RateLimitingOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        services.TryAddSingleton(new OptionsReader(configuration));
        AddSilo(services, configuration, configure);
        return Add(services, configure);
    }

    private static IServiceCollection Add(IServiceCollection services, Action<RateLimitingOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptionsWithValidateOnStart<RateLimitingOptions>();
        services.AddMetrics();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(p => new OptionsReader(p.GetService<IConfiguration>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<RateLimitingOptions>, OptionsReader>(Reader));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IOptionsChangeTokenSource<RateLimitingOptions>, OptionsReader>(Reader));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RateLimitingOptions>, RateLimitingOptionsValidator>());
        if (configure is not null)
            services.Configure(configure);
        AddEngines(services);
        AddDecisions(services);
        services.TryAddSingleton<RateLimitingMetrics>();
        services.TryAddSingleton<RateLimitingSystem>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ITenfoldSystem, RateLimitingSystem>(p => p.GetRequiredService<RateLimitingSystem>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, RateLimitingStart>());
        services.TryAddSingleton<HttpAnswers>();
        services.TryAddSingleton<HttpInlineLimit>();
        services.TryAddSingleton<HttpAttributeReader>();
        if (!services.Any(s => s.ServiceType == typeof(HealthCheckAdded)))
        {
            services.AddSingleton<HealthCheckAdded>();
            services.AddHealthChecks().AddCheck<RateLimitingHealthCheck>("rate-limiter");
        }

        return services;
    }

    private static OptionsReader Reader(IServiceProvider services) => services.GetRequiredService<OptionsReader>();

    private static void AddEngines(IServiceCollection services)
    {
        AddEngine(services, BuiltInEngines.Embedded);
        AddEngine(services, BuiltInEngines.Redis);
        AddEngine(services, BuiltInEngines.RedisOverTls);
        AddEngine(services, BuiltInEngines.Hierarchical);
        services.TryAddSingleton(CreateStore);
    }

    // Orleans registers services by its settings, so these are read before there is a provider. Faults are left to the validator.
    private static void AddSilo(IServiceCollection services, IConfiguration configuration, Action<RateLimitingOptions>? configure)
    {
        var options = new RateLimitingOptions();
        new OptionsReader(configuration).Configure(options);
        configure?.Invoke(options);
        if (!EngineAddress.TryParse(options.Engine, out var address) || address.Scheme != BuiltInEngines.Hierarchical.Scheme)
            return;
        var known = services.Any(s => s.ServiceType == typeof(HierarchicalSilo));
        if (known || HierarchicalServices.Fault(address) is not null || options.Hierarchy.Faults().Any())
            return;
        services.AddSingleton(new HierarchicalSilo(address));
        services.AddHierarchicalLimitStore(options.Hierarchy, address);
    }

    private static void AddEngine(IServiceCollection services, LimitEngine engine)
    {
        if (!services.Any(s => s.ImplementationInstance is LimitEngine known && known.Scheme == engine.Scheme))
            services.AddSingleton(engine);
    }

    private static ILimitStore CreateStore(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<RateLimitingOptions>>().Value;
        var address = EngineAddress.Parse(options.Engine);
        return services.GetServices<LimitEngine>().Last(e => e.Scheme == address.Scheme).Create(services, options, address);
    }

    private static void AddDecisions(IServiceCollection services)
    {
        services.TryAddSingleton<DecisionIds>();
        services.TryAddSingleton<DecisionObserver>();
        services.TryAddSingleton<EngineHealth>();
        services.TryAddSingleton<LiveFigures>();
        services.TryAddSingleton<TrafficReplay>();
        services.TryAddSingleton(p => new CurrentRules(
            p.GetRequiredService<IOptions<RateLimitingOptions>>().Value,
            p.GetRequiredService<IOptionsFactory<RateLimitingOptions>>(),
            p.GetServices<IOptionsChangeTokenSource<RateLimitingOptions>>(),
            p.GetRequiredService<ILogger<CurrentRules>>()));
        services.TryAddSingleton(p => new LocalFallback(BuiltInEngines.CreateLocal(p), p.GetRequiredService<ILimitStore>() as INodeShare));
        services.TryAddSingleton<RuleRateLimiter>();
        services.TryAddSingleton<IRateLimiter>(p => p.GetRequiredService<RuleRateLimiter>());
        services.TryAddSingleton<IJointRateLimiter>(p => p.GetRequiredService<RuleRateLimiter>());
    }

    private sealed class HealthCheckAdded;
}

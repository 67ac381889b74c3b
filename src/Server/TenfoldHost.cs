using System.Reflection;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tenfold.Server.Api;
using Tenfold.Server.Authentication;
using Tenfold.Server.Configuration;
using Tenfold.Server.Errors;
using Tenfold.Server.Lifetime;
using Tenfold.Server.Listening;
using Tenfold.Server.Telemetry;

namespace Tenfold.Server;

/// <summary>Builds the one host in which every system runs.</summary>
public static class TenfoldHost
{
    static TenfoldHost() => DurationConverter.Register();

    /// <summary>This build's version.</summary>
    public static string Version { get; } =
        typeof(TenfoldHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Reads and checks the configuration and builds the host; nothing listens until it is started.</summary>
    /// <exception cref="ConfigurationFaultsException">The configuration has faults; the exception holds all of them.</exception>
    public static WebApplication Build(HostSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var configuration = ConfigurationSources.Read(settings);
        var shape = ShapeCheck.Of(configuration.Root);
        var builder = Compose(settings, configuration, shape.Faults.Count == 0, out var server);
        var faults = shape.Faults.Count == 0
            ? Faults(builder)
            // A value of the wrong kind stops the binder: look at the rest without it, so that all faults are told at once.
            : shape.Faults.Concat(Rest(settings, configuration.Root, shape.Paths)).ToList();
        if (faults.Count > 0)
            throw new ConfigurationFaultsException([.. faults.Order(StringComparer.OrdinalIgnoreCase).Distinct(StringComparer.Ordinal)]);
        var app = builder.Build();
        app.Services.GetService<HostStarted>()?.Follow(app.Lifetime);
        Map(app, server);
        return app;
    }

    private static WebApplicationBuilder Compose(HostSettings settings, TenfoldConfiguration configuration, bool sound, out ServerOptions server)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "tenfold", ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddConfiguration(configuration.Root);
        builder.Services.AddSingleton(configuration);
        if (configuration.File is { } file)
            builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<ConfigurationWatch>(services, file));

        // What must be known before options exist; with faults in the shape the host is never built, so defaults do.
        server = sound ? builder.Configuration.GetSection(ServerOptions.Section).Get<ServerOptions>() ?? new() : new();
        AddServices(builder, server, settings);
        settings.Configure?.Invoke(builder);
        return builder;
    }

    private static void AddServices(WebApplicationBuilder builder, ServerOptions server, HostSettings settings)
    {
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IHostLifetime, NoSignals>();
        services.AddOptionsWithValidateOnStart<ServerOptions, ServerOptionsValidator>().Bind(builder.Configuration.GetSection(ServerOptions.Section))
            .PostConfigure(options => options.DataDirectory = Path.GetFullPath(options.DataDirectory, settings.WorkingDirectory));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = Drain.Notice(server) + server.DrainLimit);

        LogSetup.AddTo(builder, server);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        services.AddSingleton<BoundAddresses>();
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>, ListenerSetup>();
        services.AddRouting();
        Problems.AddTo(services);
        AuthenticationSetup.AddTo(services);
        services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = server.RequestTimeout, TimeoutStatusCode = StatusCodes.Status504GatewayTimeout });
        // Its catch-all for unknown services would turn every 405 into a 404.
        services.AddGrpc(grpc => grpc.IgnoreUnknownServices = true);
        TelemetrySetup.AddTo(services, server.Telemetry, settings.Environment);

        services.AddSingleton<DataDirectory>();
        services.AddSingleton<Drain>();
        services.AddHostedService(s => s.GetRequiredService<Drain>());
        services.AddSingleton<RunningServer>();
        services.AddHostedService(s => s.GetRequiredService<RunningServer>());
        services.AddHealthChecks().AddCheck<Drain>("server").AddCheck<SystemsHealthCheck>("systems");
        foreach (var system in SystemCatalog.Enabled(server))
            system.Add(services, builder.Configuration);
    }

    private static void Map(WebApplication app, ServerOptions server)
    {
        Problems.Use(app);
        app.UseMiddleware<BrowserGuard>();
        app.UseRouting();
        app.UseRequestTimeouts();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<Streams>();
        if (server.LimitOwnApi && SystemCatalog.Enabled(server).Any(s => s.Name == "rate-limiter"))
            app.UseWhen(context => context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal), api => api.UseTenfoldRateLimiting());
        var endpoints = app.MapGroup("");
        ((IEndpointConventionBuilder)endpoints).Finally(Streams.Mark);
        ((IEndpointConventionBuilder)endpoints).Finally(AuthenticationSetup.OpenHealth);
        endpoints.MapHealth();
        endpoints.MapPrometheusScrapingEndpoint("/metrics");
        endpoints.MapInfo();
        endpoints.MapSystems();
        endpoints.MapConfiguration();
        endpoints.MapRunbooks();
        endpoints.MapLabRecords();
        endpoints.MapPlans();
        endpoints.MapTenfoldConsole();
        foreach (var system in SystemCatalog.Enabled(server))
            system.Map(endpoints);
    }

    // Asked of a provider of its own: building the host already creates listeners and engines, which need sound options.
    private static List<string> Faults(WebApplicationBuilder builder)
    {
        // The configuration is the host's too: a provider that made it would take it along when it goes.
        IServiceCollection own = new ServiceCollection();
        using var services = own.Add(builder.Services).Replace(ServiceDescriptor.Singleton<IConfiguration>(builder.Configuration)).BuildServiceProvider();
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
            return [];
        }
        catch (Exception e) when (e is OptionsValidationException or AggregateException)
        {
            var all = e is AggregateException several ? several.Flatten().InnerExceptions : [e];
            return [.. all.SelectMany(x => x is OptionsValidationException invalid ? invalid.Failures : [x.Message])];
        }
    }

    private static List<string> Rest(HostSettings settings, IConfiguration configuration, IReadOnlySet<string> faulty)
    {
        var sound = configuration.AsEnumerable().Where(p => !faulty.Any(f => p.Key.Equals(f, StringComparison.OrdinalIgnoreCase) || p.Key.StartsWith(f + ":", StringComparison.OrdinalIgnoreCase)));
        var root = new ConfigurationBuilder().AddInMemoryCollection([.. sound]).Build();
        return Faults(Compose(settings, new TenfoldConfiguration(root, null), sound: true, out _));
    }
}

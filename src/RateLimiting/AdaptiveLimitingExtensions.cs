using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Adaptive;
using Tenfold.RateLimiting.Edges;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Limits an application to the work it can do at a time, found by measuring. Needs no rules and no engine.</summary>
public static class AdaptiveLimitingExtensions
{
    /// <summary>Adds the limiter (<see cref="IAdaptiveLimiter"/>, one for the application). Adding it twice changes nothing but options.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Changes options. All are checked when the host starts; a fault stops the start with every fault named.</param>
    public static IServiceCollection AddTenfoldAdaptiveLimiting(this IServiceCollection services, Action<AdaptiveLimitingOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptionsWithValidateOnStart<AdaptiveLimitingOptions>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<AdaptiveLimitingOptions>, AdaptiveLimitingValidator>());
        if (configure is not null)
            services.Configure(configure);
        services.TryAddSingleton(p => new AdaptiveLimiter(
            p.GetRequiredService<IOptions<AdaptiveLimitingOptions>>().Value.Limiter, p.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<IAdaptiveLimiter>(p => p.GetRequiredService<AdaptiveLimiter>());
        services.TryAddSingleton<AdaptiveMetrics>();
        return services;
    }

    /// <summary>
    /// Sheds requests beyond what the application can do: 503 with problem details and <c>Retry-After</c>, bulk work before normal before critical. Put it
    /// after routing and authentication, so that priority and tenant are known, and before what does the work.
    /// </summary>
    /// <exception cref="InvalidOperationException"><see cref="AddTenfoldAdaptiveLimiting"/> was not called.</exception>
    public static IApplicationBuilder UseTenfoldAdaptiveLimiting(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (app.ApplicationServices.GetService<AdaptiveMetrics>() is null)
            throw new InvalidOperationException("The adaptive limiter is not registered: call builder.Services.AddTenfoldAdaptiveLimiting() before building the application.");
        return app.UseMiddleware<AdaptiveMiddleware>();
    }

    /// <summary>Says how late requests to the endpoint are shed.</summary>
    public static TBuilder WithWorkPriority<TBuilder>(this TBuilder builder, WorkPriority priority)
        where TBuilder : IEndpointConventionBuilder
    {
        var attribute = new WorkPriorityAttribute(priority);
        builder.Add(endpoint => endpoint.Metadata.Add(attribute));
        return builder;
    }

    private sealed class AdaptiveLimitingValidator : IValidateOptions<AdaptiveLimitingOptions>
    {
        public ValidateOptionsResult Validate(string? name, AdaptiveLimitingOptions options)
        {
            var faults = options.Faults().Select(fault => $"AdaptiveLimiting:{fault}").ToList();
            return faults.Count > 0 ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
        }
    }
}

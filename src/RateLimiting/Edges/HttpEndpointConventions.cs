using Tenfold.RateLimiting;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Says how endpoints are limited.</summary>
public static class RateLimitingEndpointConventions
{
    /// <summary>Applies a rule by its name, also one that applies only when required. Its other conditions hold as well.</summary>
    public static TBuilder RequireRateLimit<TBuilder>(this TBuilder builder, string rule)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentException.ThrowIfNullOrEmpty(rule);
        builder.Add(endpoint => endpoint.Metadata.Add(new RequireRateLimitAttribute(rule)));
        return builder;
    }

    /// <summary>Sets what a request costs; <paramref name="knownAfterwards"/>: the handler says what it really cost.</summary>
    public static TBuilder WithRateLimitCost<TBuilder>(this TBuilder builder, long cost, bool knownAfterwards = false)
        where TBuilder : IEndpointConventionBuilder
    {
        var attribute = new RateLimitCostAttribute(cost) { KnownAfterwards = knownAfterwards };
        builder.Add(endpoint => endpoint.Metadata.Add(attribute));
        return builder;
    }

    /// <summary>Leaves the endpoint unlimited.</summary>
    public static TBuilder DisableRateLimit<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.Add(endpoint => endpoint.Metadata.Add(new DisableRateLimitAttribute()));
        return builder;
    }
}

using Tenfold.RateLimiting.Edges;

namespace Microsoft.AspNetCore.Http;

/// <summary>The limited request, seen from its handler.</summary>
public static class RateLimitingHttpContextExtensions
{
    /// <summary>Says what the request really cost: charged when the response ends, in place of the estimate. May be said again; the last counts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A cost under zero.</exception>
    /// <exception cref="InvalidOperationException">The endpoint does not say that its cost is known afterwards, or is not limited.</exception>
    public static void SetRateLimitCost(this HttpContext context, long cost)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfNegative(cost);
        var feature = context.Features.Get<HttpCostFeature>() ?? throw new InvalidOperationException(
            "This request's cost cannot be set: mark the endpoint with [RateLimitCost(estimate, KnownAfterwards = true)] and put UseTenfoldRateLimiting before it.");
        feature.Cost = cost;
    }
}

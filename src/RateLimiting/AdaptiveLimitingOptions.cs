using Microsoft.AspNetCore.Http;
using Tenfold.RateLimiting.Adaptive;

namespace Tenfold.RateLimiting;

/// <summary>How an application limits the work it takes on to what it can do: <c>AddTenfoldAdaptiveLimiting</c>.</summary>
public sealed class AdaptiveLimitingOptions
{
    /// <summary>How the limit is found and divided.</summary>
    public AdaptiveOptions Limiter { get; } = new();

    /// <summary>
    /// Whose work a request is; tenants share what there is by max-min fairness. Default: the claim <c>tenant</c> of an authenticated user. Without one
    /// (null) it is shared with all that have none. Called for each request: quick, thread-safe, and not by what any client can write.
    /// </summary>
    public Func<HttpContext, string?> Tenant { get; set; } =
        static context => context.User.Identity is { IsAuthenticated: true } ? context.User.FindFirst("tenant")?.Value : null;

    /// <summary>
    /// How late a request is shed. Default: what its endpoint says (<c>WithWorkPriority</c>, <see cref="WorkPriorityAttribute"/>), else
    /// <see cref="WorkPriority.Normal"/>.
    /// </summary>
    public Func<HttpContext, WorkPriority> Priority { get; set; } =
        static context => context.GetEndpoint()?.Metadata.GetMetadata<WorkPriorityAttribute>()?.Priority ?? WorkPriority.Normal;

    /// <summary>What a shed request is told to wait, in whole seconds. Default 1 s; 1 s to 1 hour.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Statuses of the application's answers that say it, or what is behind it, is overloaded. Default 503 and 504.</summary>
    public ISet<int> OverloadStatuses { get; } = new HashSet<int> { StatusCodes.Status503ServiceUnavailable, StatusCodes.Status504GatewayTimeout };

    /// <summary>Says what is wrong, one fault an item.</summary>
    public IEnumerable<string> Faults()
    {
        foreach (var fault in Limiter.Faults())
            yield return $"Limiter:{fault}";
        if (Tenant is null)
            yield return "Tenant: give a function, or leave the default";
        if (Priority is null)
            yield return "Priority: give a function, or leave the default";
        if (RetryAfter < TimeSpan.FromSeconds(1) || RetryAfter > TimeSpan.FromHours(1))
            yield return $"RetryAfter = {RetryAfter}: 1 s to 1 hour";
    }
}

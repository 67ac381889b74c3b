using System.Threading.RateLimiting;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting;

/// <summary>
/// Lets code that knows .NET's own <see cref="RateLimiter"/> use Tenfold's rules and engines: HTTP handlers, Polly, ASP.NET Core's <c>AddRateLimiter</c>.
/// </summary>
public static class DotnetRateLimiting
{
    /// <summary>A .NET limiter for requests that are all alike.</summary>
    /// <param name="limiter">Tenfold's limiter.</param>
    /// <param name="request">The attributes that rules match and key on; permits multiply its cost.</param>
    /// <param name="options">Queueing and time; default: no queue.</param>
    public static RateLimiter AsRateLimiter(this IRateLimiter limiter, RateLimitRequest request, DotnetRateLimiterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(limiter);
        ArgumentNullException.ThrowIfNull(request);
        return new DotnetRateLimiter(new DotnetQueue(limiter, options ?? new(), oneLine: true), new DotnetQuestion(request));
    }

    /// <summary>A .NET limiter of one limit and key, apart from the configured rules; it shares their engine, so all nodes count together.</summary>
    /// <param name="limiter">Tenfold's limiter, as <c>AddTenfoldRateLimiting</c> registers it.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="key">Whose use is counted.</param>
    /// <param name="options">Queueing and time; default: no queue.</param>
    /// <exception cref="ArgumentException">The limiter is another's, which decides by its own rules only.</exception>
    public static RateLimiter AsRateLimiter(this IRateLimiter limiter, Limit limit, string key, DotnetRateLimiterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(limiter);
        ArgumentNullException.ThrowIfNull(limit);
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (limiter is not RuleRateLimiter)
            throw new ArgumentException($"{limiter.GetType()} decides by rules only: pass a request, or take the limiter of AddTenfoldRateLimiting.", nameof(limiter));
        return new DotnetRateLimiter(new DotnetQueue(limiter, options ?? new(), oneLine: true), DotnetQuestion.Of(limit, key));
    }

    /// <summary>A .NET limiter that makes a request out of each resource; the rules part them by key, so nothing is kept here a partition.</summary>
    /// <param name="limiter">Tenfold's limiter.</param>
    /// <param name="request">Makes the request; called once an attempt.</param>
    /// <param name="options">Queueing and time; default: no queue. The queue's bound is over all partitions.</param>
    public static PartitionedRateLimiter<TResource> AsPartitionedRateLimiter<TResource>(
        this IRateLimiter limiter, Func<TResource, RateLimitRequest> request, DotnetRateLimiterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(limiter);
        ArgumentNullException.ThrowIfNull(request);
        return new DotnetPartitionedRateLimiter<TResource>(
            new DotnetQueue(limiter, options ?? new(), oneLine: false), resource => new DotnetQuestion(request(resource)));
    }
}

/// <summary>How a .NET limiter over Tenfold waits.</summary>
public sealed class DotnetRateLimiterOptions
{
    /// <summary>The most permits that wait in <c>AcquireAsync</c>; one more is rejected at once. Default 0: nobody waits.</summary>
    public int QueueLimit { get; set; }

    /// <summary>When what a lease holds of a concurrency limit returns by itself, should nobody dispose of it. Default 5 minutes.</summary>
    public TimeSpan HoldExpiresAfter { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The clock by which waiters wait. Default: the system's.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;
}

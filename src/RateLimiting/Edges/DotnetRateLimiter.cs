using System.Threading.RateLimiting;

namespace Tenfold.RateLimiting.Edges;

/// <summary>.NET's limiter over Tenfold's, for requests that are all alike. Waiters stand in one line, the oldest first.</summary>
internal sealed class DotnetRateLimiter(DotnetQueue queue, DotnetQuestion question) : RateLimiter
{
    /// <inheritdoc/>
    public override TimeSpan? IdleDuration => queue.IdleDuration;

    /// <inheritdoc/>
    public override RateLimiterStatistics? GetStatistics() => queue.Statistics(question);

    /// <inheritdoc/>
    protected override RateLimitLease AttemptAcquireCore(int permitCount) => queue.Attempt(question, permitCount);

    /// <inheritdoc/>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
        queue.AcquireAsync(question, permitCount, resource: null, cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            queue.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>.NET's partitioned limiter over Tenfold's. Waiters for one key stand in one line, the oldest first.</summary>
internal sealed class DotnetPartitionedRateLimiter<TResource>(DotnetQueue queue, Func<TResource, DotnetQuestion> question)
    : PartitionedRateLimiter<TResource>
{
    /// <inheritdoc/>
    public override RateLimiterStatistics? GetStatistics(TResource resource) => queue.Statistics(question(resource));

    /// <inheritdoc/>
    protected override RateLimitLease AttemptAcquireCore(TResource resource, int permitCount) => queue.Attempt(question(resource), permitCount, resource);

    /// <inheritdoc/>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(TResource resource, int permitCount, CancellationToken cancellationToken) =>
        queue.AcquireAsync(question(resource), permitCount, resource, cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            queue.Dispose();
        base.Dispose(disposing);
    }
}

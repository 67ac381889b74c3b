using System.Threading.RateLimiting;

namespace Tenfold.RateLimiting.Edges;

/// <summary>.NET's limiter over Tenfold's, for requests that are all alike. Waiters stand in one line, the oldest first.</summary>
internal sealed class DotnetRateLimiter(DotnetAttempts attempts, RateLimitRequest request) : RateLimiter
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <inheritdoc/>
    public override TimeSpan? IdleDuration => attempts.IdleDuration;

    /// <inheritdoc/>
    public override RateLimiterStatistics? GetStatistics() => attempts.Statistics(request);

    /// <inheritdoc/>
    protected override RateLimitLease AttemptAcquireCore(int permitCount) => attempts.Attempt(request, permitCount);

    /// <inheritdoc/>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
        attempts.WaitAsync(request, permitCount, _turn, cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            attempts.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>.NET's partitioned limiter over Tenfold's.</summary>
internal sealed class DotnetPartitionedRateLimiter<TResource>(DotnetAttempts attempts, Func<TResource, RateLimitRequest> request)
    : PartitionedRateLimiter<TResource>
{
    /// <inheritdoc/>
    public override RateLimiterStatistics? GetStatistics(TResource resource) => attempts.Statistics(request(resource));

    /// <inheritdoc/>
    protected override RateLimitLease AttemptAcquireCore(TResource resource, int permitCount) => attempts.Attempt(request(resource), permitCount);

    /// <inheritdoc/>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(TResource resource, int permitCount, CancellationToken cancellationToken) =>
        attempts.WaitAsync(request(resource), permitCount, turn: null, cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            attempts.Dispose();
        base.Dispose(disposing);
    }
}

using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>Answers what the test prepared, and remembers what it was asked.</summary>
internal sealed class EnvoyTestLimiter : IRateLimiter, IJointRateLimiter
{
    public List<JointRequest> Asked { get; } = [];

    /// <summary>What to answer to a request; by default no rule matches.</summary>
    public Func<JointRequest, RateLimitDecision> Answer { get; set; } = _ => new RateLimitDecision("id", Admitted: true, TimeSpan.Zero, []);

    public static LimitResult Result(
        string limit, long permits, TimeSpan period, bool hasRoom, long remaining, double retrySeconds = 0, double resetSeconds = 0, bool dryRun = false)
    {
        var retry = double.IsNegative(retrySeconds) ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(retrySeconds);
        return new LimitResult(
            "rule-" + limit,
            Limit.Create(limit, LimitAlgorithm.TokenBucket, permits, period),
            "key",
            1,
            new LimitOutcome(hasRoom, remaining, retry, TimeSpan.FromSeconds(resetSeconds)),
            dryRun,
            DecisionSource.Engine);
    }

    public ValueTask<RateLimitDecision> AcquireAsync(RateLimitRequest request, CancellationToken cancellationToken = default) =>
        new(Decide(new JointRequest(request)));

    public ValueTask<IReadOnlyList<RateLimitDecision>> AcquireTogetherAsync(
        IReadOnlyList<JointRequest> requests, CancellationToken cancellationToken = default) => new([.. requests.Select(Decide)]);

    public ValueTask<RateLimitDecision> ReserveAsync(
        string reservationId, RateLimitRequest request, TimeSpan expiresAfter, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask<RateLimitExplanation> ExplainAsync(RateLimitRequest request, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    private RateLimitDecision Decide(JointRequest request)
    {
        lock (Asked)
            Asked.Add(request);
        return Answer(request);
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Why;

/// <summary>
/// What if: decides recorded traffic twice, by the rules in force and by others, in virtual time on two fresh embedded stores, and says what would have changed.
/// Touches no live state. Concurrency limits are left out: traffic does not record how long requests took.
/// </summary>
internal sealed class TrafficReplay(CurrentRules current)
{
    private const int ShownKeys = 20;
    private const int CheckCancellationEvery = 1024;

    /// <summary>Replays traffic, oldest first.</summary>
    /// <param name="traffic">The traffic.</param>
    /// <param name="began">When the traffic began: windows are aligned to the calendar, and must be here as they were then.</param>
    /// <param name="candidate">The other rules.</param>
    /// <param name="cancellationToken">Stops the replay.</param>
    public async Task<ReplayResult> RunAsync(
        IReadOnlyList<RecordedRequest> traffic, DateTimeOffset began, RuleSet candidate, CancellationToken cancellationToken)
    {
        var time = new VirtualTime(began);
        await using var storeBefore = NewStore(time, traffic.Count);
        await using var storeAfter = NewStore(time, traffic.Count);
        var (before, after) = (NewLimiter(storeBefore, current.Current, time), NewLimiter(storeAfter, candidate, time));
        var tally = new ReplayTally();
        for (var i = 0; i < traffic.Count; i++)
        {
            if (i % CheckCancellationEvery == 0)
                cancellationToken.ThrowIfCancellationRequested();
            time.Set(traffic[i].At);
            var request = new RateLimitRequest(traffic[i].Attributes, traffic[i].Cost);
            tally.Add(await DecideAsync(before, request, cancellationToken), await DecideAsync(after, request, cancellationToken));
        }

        return tally.Result(traffic, current.Current, candidate, ShownKeys);
    }

    // A request that a rule cannot price is refused, as it would be live.
    private static async ValueTask<RateLimitDecision> DecideAsync(RuleRateLimiter limiter, RateLimitRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await limiter.AcquireAsync(request, cancellationToken);
        }
        catch (ArgumentException)
        {
            return new RateLimitDecision("", false, Timeout.InfiniteTimeSpan, []);
        }
    }

    private static EmbeddedLimitStore NewStore(VirtualTime time, int requests) =>
        new(new EmbeddedStoreOptions { MaxKeys = Math.Max(1024, Math.Min(requests * 4, 20_000_000)) }, time, NullLoggerFactory.Instance);

    private static RuleRateLimiter NewLimiter(ILimitStore store, RuleSet rules, VirtualTime time) =>
        new(store, new LocalFallback(store, null), new CurrentRules(rules), new DecisionIds(time), null, time);
}

/// <summary>What a replay found.</summary>
internal sealed record ReplayResult(
    int Requests,
    double DurationSeconds,
    ReplayCount Before,
    ReplayCount After,
    int NewlyRejected,
    int NewlyAdmitted,
    IReadOnlyList<ReplayRule> Rules,
    IReadOnlyList<ReplayKey> Keys,
    IReadOnlyList<string> NotReplayed);

/// <summary>Requests by outcome.</summary>
internal sealed record ReplayCount(int Admitted, int Rejected);

/// <summary>One rule's share: how often it had room and had none. Null where the rule is not among the rules.</summary>
internal sealed record ReplayRule(string Rule, ReplayCount? Before, ReplayCount? After);

/// <summary>One key whose requests are decided differently.</summary>
internal sealed record ReplayKey(string Rule, string Key, int RejectedBefore, int RejectedAfter);

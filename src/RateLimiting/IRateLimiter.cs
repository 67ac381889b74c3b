using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting;

/// <summary>Decides requests by the configured rules. What every edge (HTTP, middleware, gRPC, .NET) asks.</summary>
/// <remarks>Thread-safe. Rules are reloaded while it runs; one decision sees one version of them.</remarks>
public interface IRateLimiter
{
    /// <summary>
    /// Charges the request to every limit of every rule that matches it, together: a denied request consumes nothing anywhere.
    /// Rules in dry run are counted apart and never deny.
    /// </summary>
    /// <exception cref="ArgumentException">The request is out of bounds (cost under zero, too many or too large attributes).</exception>
    ValueTask<RateLimitDecision> AcquireAsync(RateLimitRequest request, CancellationToken cancellationToken = default);

    /// <summary>As <see cref="AcquireAsync"/>, but holds the cost until it is settled or expires. Repeating an id takes nothing more.</summary>
    /// <exception cref="ArgumentException">The request, id or expiry is out of bounds.</exception>
    ValueTask<RateLimitDecision> ReserveAsync(
        string reservationId, RateLimitRequest request, TimeSpan expiresAfter, CancellationToken cancellationToken = default);

    /// <summary>Ends a reservation with the cost that the work really had (0 = refund all).</summary>
    ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default);

    /// <summary>Says what <see cref="AcquireAsync"/> would decide and why, rule by rule, and charges nothing.</summary>
    ValueTask<RateLimitExplanation> ExplainAsync(RateLimitRequest request, CancellationToken cancellationToken = default);
}

/// <summary>
/// What is known of a request: attributes that rules match and key on. Well-known names: <c>domain</c>, <c>path</c>, <c>method</c>, <c>ip</c>,
/// <c>tenant</c>, <c>tier</c>, <c>user</c>, <c>key</c>; anything else is the caller's.
/// </summary>
/// <param name="Attributes">At most <see cref="MaxAttributes"/>, each value at most <see cref="MaxValueLength"/> characters; names are case-insensitive.</param>
/// <param name="Cost">Units, at least 0; multiplied by a rule's own cost.</param>
public sealed record RateLimitRequest(IReadOnlyDictionary<string, string> Attributes, long Cost = 1)
{
    /// <summary>The most attributes of one request.</summary>
    public const int MaxAttributes = 64;

    /// <summary>The longest value of an attribute, in characters.</summary>
    public const int MaxValueLength = 8192;
}

/// <summary>How a request was decided.</summary>
/// <param name="Id">Names the decision, to ask later why: <c>tenfold limits why ID</c>.</param>
/// <param name="Admitted">Whether it may pass.</param>
/// <param name="RetryAfter">When rejected: how long until it could pass; <see cref="Timeout.InfiniteTimeSpan"/> when waiting alone never helps. Zero when admitted.</param>
/// <param name="Limits">Each limit that was looked at, in rule order; empty when no rule matched.</param>
public sealed record RateLimitDecision(string Id, bool Admitted, TimeSpan RetryAfter, IReadOnlyList<LimitResult> Limits);

/// <summary>One limit's part in a decision.</summary>
/// <param name="Rule">The rule's name.</param>
/// <param name="Limit">The limit.</param>
/// <param name="Key">Whose use was counted.</param>
/// <param name="Cost">Units asked for.</param>
/// <param name="Outcome">What the limit answered.</param>
/// <param name="DryRun">Counted and reported, but never denies.</param>
/// <param name="Source">Where it was decided: the engine, or what stood in for it.</param>
public sealed record LimitResult(
    string Rule, Limit Limit, string Key, long Cost, LimitOutcome Outcome, bool DryRun, DecisionSource Source);

/// <summary>Where a limit's decision came from.</summary>
public enum DecisionSource
{
    /// <summary>The configured engine.</summary>
    Engine,

    /// <summary>The engine was unavailable: the node's own share decided (rule says <c>local</c>).</summary>
    LocalFallback,

    /// <summary>The engine was unavailable and the rule fails open.</summary>
    FailedOpen,

    /// <summary>The engine was unavailable and the rule fails closed.</summary>
    FailedClosed,
}

/// <summary>Why a request is decided as it is.</summary>
/// <param name="Decision">The decision.</param>
/// <param name="Rules">Every rule, in order: matched or not, and why.</param>
public sealed record RateLimitExplanation(RateLimitDecision Decision, IReadOnlyList<RuleExplanation> Rules);

/// <summary>A rule's part in an explanation.</summary>
/// <param name="Rule">The rule's name.</param>
/// <param name="Matched">Whether the request met all of its conditions.</param>
/// <param name="Reason">One sentence: the first condition that failed, or the limit that decided, with numbers.</param>
public sealed record RuleExplanation(string Rule, bool Matched, string Reason);

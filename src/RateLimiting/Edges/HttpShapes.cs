using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The JSON shapes of the HTTP API: camel case, durations as seconds, times in UTC.</summary>
internal static class HttpShapes
{
    private const int MaxKey = 256;

    /// <summary>One limit's part in a decision.</summary>
    public static object Of(LimitResult result) => new
    {
        result.Rule,
        Limit = result.Limit.Id,
        Key = result.Key.Length <= MaxKey ? result.Key : result.Key[..MaxKey] + "…",
        result.Cost,
        Admitted = result.Outcome.HasRoom,
        result.Outcome.Remaining,
        RetryAfterSeconds = HttpAnswers.Seconds(result.Outcome.RetryAfter),
        ResetAfterSeconds = HttpAnswers.Seconds(result.Outcome.ResetAfter),
        result.DryRun,
        Source = Name(result.Source),
        Permits = result.Limit.Permits,
        PeriodSeconds = HttpAnswers.Seconds(result.Limit.Period),
        result.Limit.Burst,
        Algorithm = RuleCompiler.AlgorithmName(result.Limit.Algorithm),
    };

    /// <summary>A decision.</summary>
    public static object Of(RateLimitDecision decision) => new
    {
        decision.Id,
        decision.Admitted,
        RetryAfterSeconds = HttpAnswers.Seconds(decision.RetryAfter),
        Limits = decision.Limits.Select(Of),
    };

    /// <summary>A decision and why.</summary>
    public static object Of(RateLimitExplanation explanation) => new
    {
        Decision = Of(explanation.Decision),
        Rules = explanation.Rules.Select(r => new { r.Rule, r.Matched, r.Reason }),
    };

    /// <summary>A past decision, in a list.</summary>
    public static object Of(DecisionRecord record) => new
    {
        record.Decision.Id,
        record.Time,
        record.Decision.Admitted,
        record.Attributes,
        record.Cost,
        RetryAfterSeconds = HttpAnswers.Seconds(record.Decision.RetryAfter),
        Limits = record.Decision.Limits.Select(Of),
    };

    /// <summary>A past decision with its reasons.</summary>
    public static object Explained(DecisionRecord record) => new
    {
        record.Decision.Id,
        record.Time,
        record.Decision.Admitted,
        record.Attributes,
        record.Cost,
        record.Complete,
        RetryAfterSeconds = HttpAnswers.Seconds(record.Decision.RetryAfter),
        Limits = record.Decision.Limits.Select(Of),
        Rules = record.Explain().Rules.Select(r => new { r.Rule, r.Matched, r.Reason }),
    };

    /// <summary>A rule as it is in force.</summary>
    public static object Of(Rule rule) => new
    {
        rule.Name,
        Match = rule.Source.Match,
        Key = rule.Source.Key,
        Limits = rule.Limits.Select(l => new
        {
            l.Id,
            Algorithm = RuleCompiler.AlgorithmName(l.Algorithm),
            l.Permits,
            PeriodSeconds = HttpAnswers.Seconds(l.Period),
            l.Burst,
        }),
        rule.Source.Cost,
        rule.DryRun,
        rule.OnlyWhenRequired,
        WhenUnavailable = rule.WhenUnavailable.ToString().ToLowerInvariant(),
        Overrides = rule.Source.Overrides.Select(o => new { o.Key, o.Limit, o.Permits, o.Period, o.Burst, o.Exempt }),
    };

    private static string Name(DecisionSource source) => source switch
    {
        DecisionSource.LocalFallback => "local-fallback",
        DecisionSource.FailedOpen => "failed-open",
        DecisionSource.FailedClosed => "failed-closed",
        _ => "engine",
    };
}

using System.Globalization;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Says, rule by rule, why a request is decided as it is: the first condition that failed, or each limit with its numbers.</summary>
internal static class Explanation
{
    private const int MaxShown = 80;

    /// <summary>One line a rule, in order; a limit that came with the request comes last.</summary>
    public static IReadOnlyList<RuleExplanation> Of(RuleSet rules, IAttributes attributes, RateLimitDecision decision)
    {
        var values = new string?[rules.Attributes.Length];
        attributes.Read(rules, values);
        var lines = new List<RuleExplanation>(rules.Rules.Length + 1);
        foreach (var rule in rules.Rules)
            lines.Add(Of(rule, rules, values, decision));
        var inline = decision.Limits.Where(l => l.Rule == RuleRateLimiter.InlineRule).ToArray();
        if (inline.Length > 0)
            lines.Add(new RuleExplanation(RuleRateLimiter.InlineRule, true, Describe(inline)));
        return lines;
    }

    /// <summary>What one limit answered, in a sentence with numbers.</summary>
    public static string Describe(LimitResult result)
    {
        var (limit, outcome) = (result.Limit, result.Outcome);
        var head = string.Create(CultureInfo.InvariantCulture, $"{Allows(limit)} for '{Short(result.Key)}'");
        var verdict = result.Source switch
        {
            DecisionSource.FailedOpen => "the engine cannot be asked and the rule fails open: admitted uncounted",
            DecisionSource.FailedClosed => "the engine cannot be asked and the rule fails closed: rejected",
            _ when outcome.HasRoom => string.Create(
                CultureInfo.InvariantCulture, $"room for cost {result.Cost}, {outcome.Remaining} left{Reset(outcome.ResetAfter)}"),
            _ => NoRoom(result),
        };
        var local = result.Source == DecisionSource.LocalFallback ? " (the engine cannot be asked: counted on this node)" : "";
        return $"{head}: {verdict}{local}";
    }

    private static RuleExplanation Of(Rule rule, RuleSet rules, string?[] values, RateLimitDecision decision)
    {
        var results = decision.Limits.Where(l => l.Rule == rule.Name).ToArray();
        if (results.Length > 0)
            return new RuleExplanation(rule.Name, true, (rule.DryRun ? "dry run, never denies; " : "") + Describe(results));
        foreach (var condition in rule.Conditions)
        {
            var value = values[rules.Slots[condition.Attribute]];
            if (!condition.IsMet(value))
                return new RuleExplanation(rule.Name, false, NotMet(condition, value));
        }

        if (rule.OnlyWhenRequired)
            return new RuleExplanation(rule.Name, false, "applies only to endpoints that ask for it by name");
        var parts = new string[rule.Key.Parts];
        if (rule.Key.Read(values, parts) is { } missing)
            return new RuleExplanation(rule.Name, false, $"the request has no '{missing}', by which the rule counts");
        return new RuleExplanation(rule.Name, true, $"key '{Short(KeyTemplate.Join(parts))}' is exempt by an override");
    }

    private static string NotMet(Condition condition, string? value) =>
        string.IsNullOrEmpty(value)
            ? $"the request has no '{condition.Attribute}', which must be '{Short(condition.Text)}'"
            : $"{condition.Attribute} = '{Short(value)}' does not meet '{Short(condition.Text)}'";

    private static string Describe(LimitResult[] results) => string.Join("; ", results.Select(Describe));

    private static string NoRoom(LimitResult result)
    {
        var (limit, outcome) = (result.Limit, result.Outcome);
        if (limit.Algorithm == LimitAlgorithm.Concurrency)
            return string.Create(CultureInfo.InvariantCulture, $"no room, {outcome.Remaining} of {limit.Permits} free for cost {result.Cost}: passes when another ends");
        if (outcome.RetryAfter == Timeout.InfiniteTimeSpan)
            return string.Create(CultureInfo.InvariantCulture, $"cost {result.Cost} is above the most that can pass at once ({limit.Burst}): it can never pass");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"no room, {outcome.Remaining} left for cost {result.Cost}: passes in {outcome.RetryAfter.TotalSeconds:0.###} s{Reset(outcome.ResetAfter)}");
    }

    private static string Reset(TimeSpan after) =>
        after > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $", as if unused in {after.TotalSeconds:0.###} s") : "";

    private static string Allows(Limit limit) => limit.Algorithm == LimitAlgorithm.Concurrency
        ? string.Create(CultureInfo.InvariantCulture, $"{limit.Id} allows {limit.Permits} at a time")
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{limit.Id} allows {limit.Permits} per {Duration.Format(limit.Period)}{(limit.Burst == limit.Permits ? "" : $", {limit.Burst} at once,")} ({RuleCompiler.AlgorithmName(limit.Algorithm)})");

    private static string Short(string text) => text.Length <= MaxShown ? text : text[..MaxShown] + "…";
}

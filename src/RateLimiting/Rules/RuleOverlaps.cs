namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// Finds rules that can never matter: each of their limits is looser than one of another rule that counts the same use and applies
/// whenever they do. Says so only where it is certain.
/// </summary>
internal static class RuleOverlaps
{
    // Pairs grow with the square of the rules: past this many, the check is left out rather than the start held up.
    private const int MaxRulesCompared = 1000;

    public static IReadOnlyList<string> Find(IReadOnlyList<Rule> rules)
    {
        var warnings = new List<string>();
        if (rules.Count > MaxRulesCompared)
            return warnings;
        for (var i = 0; i < rules.Count; i++)
        {
            for (var j = 0; j < rules.Count; j++)
            {
                if (i == j || !Covers(rules[j], rules[i]) || (Covers(rules[i], rules[j]) && j > i))
                    continue;
                warnings.Add(
                    $"Rule '{rules[i].Name}' can never matter: rule '{rules[j].Name}' counts the same use, applies whenever it does, and allows no more. Remove one, or make '{rules[i].Name}' stricter.");
                break;
            }
        }

        return warnings;
    }

    /// <summary>Whether <paramref name="strict"/> rejects all that <paramref name="loose"/> would.</summary>
    private static bool Covers(Rule strict, Rule loose) =>
        !strict.DryRun && !strict.OnlyWhenRequired
        && strict.Overrides.Count == 0 && strict.PatternOverrides.Count == 0 && loose.Overrides.Count == 0 && loose.PatternOverrides.Count == 0
        && strict.WhenUnavailable == loose.WhenUnavailable
        && string.Equals(strict.Source.Cost, loose.Source.Cost, StringComparison.OrdinalIgnoreCase)
        && strict.Source.Key.SequenceEqual(loose.Source.Key, StringComparer.OrdinalIgnoreCase)
        && strict.Conditions.All(s => loose.Conditions.Any(l => Implies(l, s)))
        && loose.Limits.All(l => strict.Limits.Any(s => AllowsNoMore(s, l)));

    private static bool Implies(Condition narrow, Condition wide)
    {
        if (!narrow.Attribute.Equals(wide.Attribute, StringComparison.OrdinalIgnoreCase))
            return false;
        if (string.Equals(narrow.Text, wide.Text, StringComparison.Ordinal))
            return true;
        if (narrow.Negated || wide.Negated)
            return false;
        return narrow.Patterns.All(n => wide.Patterns.Any(w => n.Text == w.Text || w.Text == "*" || (n.Exact is { } text && w.Matches(text))))
            && narrow.Networks.All(n => wide.Networks.Any(w => w.Length <= n.Length && w.Contains(n.Prefix)) || wide.Patterns.Any(w => w.Text == "*"));
    }

    private static bool AllowsNoMore(Limit strict, Limit loose)
    {
        if (strict.Algorithm != loose.Algorithm || strict.Permits > loose.Permits || strict.Burst > loose.Burst)
            return false;
        // A longer window with as few permits is stricter; a bucket's rate is compared as permits to period, without rounding.
        return strict.Algorithm == LimitAlgorithm.Concurrency
            || strict.Period == loose.Period
            || (strict.Algorithm == LimitAlgorithm.TokenBucket
                && (Int128)strict.Permits * loose.Period.Ticks <= (Int128)loose.Permits * strict.Period.Ticks)
            || (strict.Algorithm == LimitAlgorithm.SlidingWindowLog && strict.Period >= loose.Period);
    }
}

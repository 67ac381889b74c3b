using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Why;

/// <summary>A past decision, as it is remembered: cut to a bounded size, whatever the request was.</summary>
internal sealed class DecisionRecord
{
    private const int MaxAttributes = 16;
    private const int MaxText = 256;

    private readonly RuleSet _rules;

    /// <summary>Remembers a decision.</summary>
    public DecisionRecord(RuleSet rules, RateLimitDecision decision, IReadOnlyDictionary<string, string> attributes, long cost, DateTimeOffset time)
    {
        _rules = rules;
        Cost = cost;
        Time = time;
        Decision = decision with { Limits = [.. decision.Limits.Select(l => l.Key.Length <= MaxText ? l : l with { Key = Cut(l.Key) })] };
        var kept = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in attributes.OrderBy(a => WellKnownFirst(a.Key)).Take(MaxAttributes))
        {
            kept[name] = Cut(value ?? "");
            Complete &= value is null || value.Length <= MaxText;
        }

        Complete &= attributes.Count <= MaxAttributes;
        Attributes = kept;
    }

    /// <summary>The decision.</summary>
    public RateLimitDecision Decision { get; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>The request's attributes, at most 16, each at most 256 characters.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; }

    /// <summary>The request's cost.</summary>
    public long Cost { get; }

    /// <summary>Whether all attributes are kept whole.</summary>
    public bool Complete { get; } = true;

    /// <summary>Why, rule by rule, by the rules that were in force then.</summary>
    public RateLimitExplanation Explain() => new(Decision, Explanation.Of(_rules, new DictionaryAttributes(Attributes), Decision));

    private static int WellKnownFirst(string name) => AttributeNames.WellKnown.Contains(name, StringComparer.OrdinalIgnoreCase) ? 0 : 1;

    private static string Cut(string text) => text.Length <= MaxText ? text : text[..MaxText] + "…";
}

using System.Collections.Frozen;

namespace Tenfold.RateLimiting.Rules;

/// <summary>All rules of one version of the configuration, ready to match. Immutable: a reload makes another and swaps.</summary>
internal sealed class RuleSet
{
    /// <summary>Puts the rules together.</summary>
    /// <param name="rules">The rules, in order.</param>
    /// <param name="slots">Attribute names to places.</param>
    /// <param name="warnings">What is allowed but hardly meant.</param>
    public RuleSet(IReadOnlyList<Rule> rules, IReadOnlyDictionary<string, int> slots, IReadOnlyList<string> warnings)
    {
        Rules = [.. rules];
        Slots = slots.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        var names = new string[slots.Count];
        foreach (var (name, slot) in slots)
            names[slot] = name;
        Attributes = names;
        Matcher = new RuleMatcher(rules, name => slots[name]);
        Warnings = warnings;
        HoldsAny = rules.Any(r => r.Limits.Any(l => l.Algorithm == LimitAlgorithm.Concurrency));
        DryRuns = [.. rules.Where(r => r.DryRun)];
    }

    /// <summary>No rules: every request is admitted.</summary>
    public static RuleSet Empty { get; } = new([], new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase), []);

    /// <summary>The rules, in order.</summary>
    public Rule[] Rules { get; }

    /// <summary>Attribute names that any rule asks about, by slot.</summary>
    public string[] Attributes { get; }

    /// <summary>The slot of each attribute that any rule asks about.</summary>
    public FrozenDictionary<string, int> Slots { get; }

    /// <summary>Whether any rule limits concurrency: then a request may have to hold.</summary>
    public bool HoldsAny { get; }

    /// <summary>The rules in dry run.</summary>
    public Rule[] DryRuns { get; }

    /// <summary>Finds the rules that a request meets.</summary>
    public RuleMatcher Matcher { get; }

    /// <summary>What is allowed but hardly meant, one line each.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The rule of that name, or null.</summary>
    public Rule? Find(string name) => Array.Find(Rules, r => string.Equals(r.Name, name, StringComparison.Ordinal));
}

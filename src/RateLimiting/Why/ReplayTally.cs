using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Why;

/// <summary>Adds up what a replay decides.</summary>
internal sealed class ReplayTally
{
    private readonly Dictionary<string, Counts> _before = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Counts> _after = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Rule, string Key), (int Before, int After)> _keys = [];
    private readonly Counts _allBefore = new();
    private readonly Counts _allAfter = new();
    private int _newlyRejected;
    private int _newlyAdmitted;

    /// <summary>Adds one request's two decisions.</summary>
    public void Add(RateLimitDecision before, RateLimitDecision after)
    {
        _allBefore.Add(before.Admitted);
        _allAfter.Add(after.Admitted);
        _newlyRejected += before.Admitted && !after.Admitted ? 1 : 0;
        _newlyAdmitted += !before.Admitted && after.Admitted ? 1 : 0;
        AddRules(_before, before, isBefore: true);
        AddRules(_after, after, isBefore: false);
    }

    /// <summary>The result.</summary>
    public ReplayResult Result(IReadOnlyList<RecordedRequest> traffic, RuleSet before, RuleSet after, int shownKeys)
    {
        var names = before.Rules.Concat(after.Rules).Select(r => r.Name).Distinct(StringComparer.Ordinal);
        var held = before.Rules.Concat(after.Rules).Where(r => r.Limits.Any(l => l.Algorithm == LimitAlgorithm.Concurrency));
        return new ReplayResult(
            traffic.Count,
            traffic.Count == 0 ? 0 : (traffic[^1].At - traffic[0].At).TotalSeconds,
            _allBefore.ToCount(),
            _allAfter.ToCount(),
            _newlyRejected,
            _newlyAdmitted,
            [.. names.Select(n => new ReplayRule(n, CountOf(_before, before, n), CountOf(_after, after, n)))],
            [
                .. _keys.Where(k => k.Value.Before != k.Value.After)
                    .OrderByDescending(k => Math.Abs(k.Value.After - k.Value.Before)).ThenBy(k => k.Key.Key, StringComparer.Ordinal).Take(shownKeys)
                    .Select(k => new ReplayKey(k.Key.Rule, k.Key.Key, k.Value.Before, k.Value.After)),
            ],
            [.. held.Select(r => r.Name).Distinct(StringComparer.Ordinal)]);
    }

    private static ReplayCount? CountOf(Dictionary<string, Counts> counts, RuleSet rules, string name) =>
        counts.TryGetValue(name, out var found) ? found.ToCount() : rules.Find(name) is null ? null : new ReplayCount(0, 0);

    private void AddRules(Dictionary<string, Counts> counts, RateLimitDecision decision, bool isBefore)
    {
        foreach (var byRule in decision.Limits.GroupBy(l => l.Rule, StringComparer.Ordinal))
        {
            var hasRoom = byRule.All(l => l.Outcome.HasRoom);
            if (!counts.TryGetValue(byRule.Key, out var rule))
                counts[byRule.Key] = rule = new Counts();
            rule.Add(hasRoom);
            if (hasRoom)
                continue;
            var key = (byRule.Key, byRule.First().Key);
            _keys.TryGetValue(key, out var rejected);
            _keys[key] = isBefore ? (rejected.Before + 1, rejected.After) : (rejected.Before, rejected.After + 1);
        }
    }

    private sealed class Counts
    {
        private int _admitted;
        private int _rejected;

        public void Add(bool admitted) => _ = admitted ? _admitted++ : _rejected++;

        public ReplayCount ToCount() => new(_admitted, _rejected);
    }
}

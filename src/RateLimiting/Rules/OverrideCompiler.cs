using System.Globalization;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Compiles a rule's overrides.</summary>
/// <param name="options">The rule as written.</param>
/// <param name="limits">The rule's limits, or null when they have faults.</param>
/// <param name="names">The limits' names.</param>
/// <param name="path">The rule's path in configuration, for faults.</param>
/// <param name="fault">Takes path, value and fault.</param>
internal sealed class OverrideCompiler(
    RuleOptions options, Limit[]? limits, string[] names, string path, Action<string, string?, string> fault)
{
    private readonly Dictionary<string, Limit?[]> _exact = new(StringComparer.Ordinal);
    private readonly List<PatternOverride> _patterns = [];

    /// <summary>Compiles all; what <paramref name="previous"/> had for a key and is gone now still hands its state to the rule's limits.</summary>
    public (IReadOnlyDictionary<string, Limit?[]> Exact, IReadOnlyList<PatternOverride> Patterns) Compile(Rule? previous)
    {
        for (var i = 0; i < options.Overrides.Count; i++)
            Compile(options.Overrides[i], $"{path}:Overrides:{i}", previous);
        if (limits is not null && previous is not null)
        {
            foreach (var (key, old) in previous.Overrides)
                _exact.TryAdd(key, [.. limits.Select(l => HotReload.Carry(HotReload.Plain(l), old.Append(previous.Limits.FirstOrDefault(p => p.Id == l.Id))))]);
        }

        return (_exact, _patterns);
    }

    private void Compile(OverrideOptions over, string at, Rule? previous)
    {
        if (options.Key.Count == 0)
        {
            fault(at, null, "the rule counts all requests together, so it has no key to make an exception for: give the rule a Key");
            return;
        }

        if (over.Key.Count != options.Key.Count)
        {
            fault($"{at}:Key", null, $"has {over.Key.Count} values, but the rule's key has {options.Key.Count}: write one for each");
            return;
        }

        var chosen = Choose(over, at);
        if (chosen < 0 && !over.Exempt)
            return;
        if (!over.Exempt && over is { Permits: null, Period: null, Burst: null })
        {
            fault(at, null, "changes nothing: write Permits, Period, Burst or Exempt");
            return;
        }

        var parts = over.Key.Select((value, i) => value == "*" ? null : Part(i, value)).ToArray();
        var key = Array.TrueForAll(parts, p => p is not null) ? KeyTemplate.Join(parts!) : null;
        if (over.Exempt && chosen < 0)
        {
            Put(key, parts, new Limit?[names.Length], at, over);
            return;
        }

        if (Make(over, chosen, at) is not { } limit || limits is null)
            return;
        Limit?[] all = [.. limits];
        var old = key is not null && previous is not null && previous.Overrides.TryGetValue(key, out var before) ? before : previous?.Limits;
        all[chosen] = over.Exempt ? null : HotReload.Carry(limit, old);
        Put(key, parts, all, at, over);
    }

    private string Part(int i, string value) =>
        i < options.Key.Count && options.Key[i].IndexOfAny(['{', '|']) < 0
            ? AttributeNames.KeyPart(options.Key[i], AttributeNames.Normalise(options.Key[i], value)!)
            : value;

    private int Choose(OverrideOptions over, string at)
    {
        if (over.Limit is not null)
        {
            var chosen = Array.IndexOf(names, over.Limit);
            if (chosen < 0)
                fault($"{at}:Limit", over.Limit, $"the rule has no such limit; it has {string.Join(", ", names)}");
            return chosen;
        }

        if (names.Length == 1)
            return 0;
        if (!over.Exempt && names.Length > 1)
            fault($"{at}:Limit", null, $"missing: the rule has several limits, write which of {string.Join(", ", names)}");
        return -1;
    }

    private Limit? Make(OverrideOptions over, int chosen, string at)
    {
        if (limits is null || over.Exempt)
            return limits?[chosen];
        var rule = limits[chosen];
        var period = rule.Period;
        if (over.Period is not null && !Duration.TryParse(over.Period, out period))
        {
            fault($"{at}:Period", over.Period, $"no duration: {Duration.Syntax}");
            return null;
        }

        if (over.Permits < 1)
        {
            fault($"{at}:Permits", over.Permits.Value.ToString(CultureInfo.InvariantCulture), "must be at least 1; write Exempt or a lower limit");
            return null;
        }

        var permits = over.Permits ?? rule.Permits;
        var burst = over.Burst ?? (over.Permits is null && rule.Algorithm == LimitAlgorithm.TokenBucket ? rule.Burst : permits);
        if (Limit.Check(rule.Id, rule.Algorithm, permits, period, burst) is not { } wrong)
            return Limit.Create(rule.Id, rule.Algorithm, permits, period, burst);
        fault(at, null, wrong);
        return null;
    }

    private void Put(string? key, string?[] parts, Limit?[] all, string at, OverrideOptions over)
    {
        if (key is null)
            _patterns.Add(new PatternOverride(parts, all));
        else if (_exact.TryGetValue(key, out var known))
            Merge(known, all, at, key, over);
        else
            _exact[key] = all;
    }

    // Two overrides of one key may speak of different limits; of the same limit, one is a slip.
    private void Merge(Limit?[] known, Limit?[] more, string at, string key, OverrideOptions over)
    {
        if (limits is null)
            return;
        for (var i = 0; i < known.Length; i++)
        {
            if (ReferenceEquals(more[i], limits[i]))
                continue;
            if (ReferenceEquals(known[i], limits[i]))
                known[i] = more[i];
            else
                fault($"{at}:Key", key, over.Exempt ? "this key is limited by another override: remove one" : "this key has another override of the same limit: remove one");
        }
    }
}

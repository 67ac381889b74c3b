using System.Collections.Frozen;
using System.Globalization;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Turns options into a <see cref="RuleSet"/>, and finds every fault on the way. Pure: no I/O, no clock.</summary>
internal sealed class RuleCompiler
{
    private const int MaxNameLength = 100;

    private readonly RuleSet? _previous;
    private readonly List<string> _faults = [];
    private readonly Dictionary<string, int> _slots = new(StringComparer.OrdinalIgnoreCase);

    private RuleCompiler(RuleSet? previous) => _previous = previous;

    /// <summary>Compiles rules; null when there are faults.</summary>
    /// <param name="options">The rules as written.</param>
    /// <param name="previous">The rules that these replace while hot: state and counters live on.</param>
    /// <param name="faults">Every fault, one line each, with path and value.</param>
    public static RuleSet? Compile(IList<RuleOptions> options, RuleSet? previous, out IReadOnlyList<string> faults)
    {
        var compiler = new RuleCompiler(previous);
        var rules = compiler.CompileAll(options);
        faults = compiler._faults;
        return faults.Count > 0 ? null : new RuleSet(rules, compiler._slots, RuleOverlaps.Find(rules));
    }

    private List<Rule> CompileAll(IList<RuleOptions> options)
    {
        var rules = new List<Rule>(options.Count);
        if (options.Count > RateLimitingOptions.MaxRules)
        {
            Add("", options.Count.ToString(CultureInfo.InvariantCulture), $"at most {RateLimitingOptions.MaxRules} rules");
            return rules;
        }

        var names = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < options.Count; i++)
        {
            CheckName(options[i].Name, i, names);
            if (Compile(options[i], $":{i}") is { } rule)
                rules.Add(rule);
        }

        return rules;
    }

    private void CheckName(string name, int at, Dictionary<string, int> names)
    {
        if (string.IsNullOrEmpty(name))
            Add($":{at}:Name", null, "missing: write a name such as api-per-user");
        else if (!IsName(name))
            Add($":{at}:Name", name, $"must have 1 to {MaxNameLength} letters, digits, '-', '_' or '.'");
        else if (!names.TryAdd(name, at))
            Add($":{at}:Name", name, $"rule {names[name]} has this name too: names must differ");
    }

    private Rule? Compile(RuleOptions options, string path)
    {
        var before = _faults.Count;
        var conditions = CompileConditions(options.Match, path);
        var keyFaults = new List<(int At, string Fault)>();
        var key = KeyTemplate.Parse(options.Key, SlotOf, keyFaults);
        foreach (var (at, fault) in keyFaults)
            Add($"{path}:Key:{at}", options.Key[at], fault);
        var previous = _previous?.Find(options.Name);
        var (limits, names) = CompileLimits(options, path, previous);
        var (factor, costSlot) = CompileCost(options.Cost, path);
        if (!TryReadEnum<WhenUnavailable>(options.WhenUnavailable, out var whenUnavailable))
            Add($"{path}:WhenUnavailable", options.WhenUnavailable, "write local, open or closed");
        var overrides = new OverrideCompiler(options, limits, names, path, Add).Compile(previous);
        if (_faults.Count > before || key is null)
            return null;
        return new Rule
        {
            Source = options,
            Name = options.Name,
            Conditions = conditions,
            Key = key,
            Limits = limits!,
            LimitNames = names,
            CostFactor = factor,
            CostSlot = costSlot,
            WhenUnavailable = whenUnavailable,
            Overrides = overrides.Exact.ToFrozenDictionary(StringComparer.Ordinal),
            PatternOverrides = overrides.Patterns,
            Counters = previous?.Counters ?? new RuleCounters(),
        };
    }

    private List<Condition> CompileConditions(IDictionary<string, string> match, string path)
    {
        var conditions = new List<Condition>(match.Count);
        foreach (var (attribute, text) in match)
        {
            if (attribute.Length is 0 or > AttributeNames.MaxLength)
            {
                Add($"{path}:Match", attribute, $"an attribute's name must have 1 to {AttributeNames.MaxLength} characters");
                continue;
            }

            var faults = new List<string>();
            if (Condition.Parse(attribute, text ?? "", faults) is { } condition)
            {
                SlotOf(attribute);
                conditions.Add(condition);
            }

            foreach (var fault in faults)
                Add($"{path}:Match:{attribute}", text, fault);
        }

        return conditions;
    }

    private (Limit[]? Limits, string[] Names) CompileLimits(RuleOptions options, string path, Rule? previous)
    {
        if (options.Limits.Count == 0)
            Add($"{path}:Limits", null, """missing: write at least one, as { "Permits": 100, "Period": "1m" }""");
        if (options.Limits.Count > Engines.ILimitStore.MaxChecks)
            Add($"{path}:Limits", null, $"{options.Limits.Count} limits: at most {Engines.ILimitStore.MaxChecks} are decided together");
        var limits = new Limit?[options.Limits.Count];
        var names = new string[options.Limits.Count];
        for (var i = 0; i < limits.Length; i++)
        {
            var at = $"{path}:Limits:{i}";
            var limit = options.Limits[i];
            names[i] = limit.Name ?? (i + 1).ToString(CultureInfo.InvariantCulture);
            if (limit.Name is not null && !IsName(limit.Name))
                Add($"{at}:Name", limit.Name, $"must have 1 to {MaxNameLength} letters, digits, '-', '_' or '.'");
            if (Array.IndexOf(names, names[i]) < i)
                Add($"{at}:Name", names[i], "another limit of the rule has this name: names must differ");
            limits[i] = CompileLimit(limit, at, options.Name, names[i]);
        }

        if (Array.Exists(limits, l => l is null) || limits.Length == 0)
            return (null, names);
        return ([.. limits.Select(l => HotReload.Carry(l!, previous?.Limits))], names);
    }

    private Limit? CompileLimit(LimitOptions options, string path, string rule, string name)
    {
        var before = _faults.Count;
        var algorithm = ReadAlgorithm(options.Algorithm, $"{path}:Algorithm");
        var period = ReadPeriod(options.Period, $"{path}:Period", required: algorithm is not null and not LimitAlgorithm.Concurrency);
        if (options.Permits < 1)
            Add($"{path}:Permits", options.Permits.ToString(CultureInfo.InvariantCulture), "must be at least 1");
        if (_faults.Count > before || !IsName(rule))
            return null;
        var id = HotReload.LimitId(rule, name);
        if (Limit.Check(id, algorithm!.Value, options.Permits, period, options.Burst) is not { } fault)
            return Limit.Create(id, algorithm.Value, options.Permits, period, options.Burst);
        Add(path, null, fault);
        return null;
    }

    /// <summary>Reads an algorithm's name as configuration writes it: <c>token-bucket</c>.</summary>
    internal static bool TryReadAlgorithm(string? text, out LimitAlgorithm algorithm) =>
        TryReadEnum(text?.Replace("-", "", StringComparison.Ordinal), out algorithm);

    /// <summary>An algorithm's name as configuration writes it.</summary>
    internal static string AlgorithmName(LimitAlgorithm algorithm) => algorithm switch
    {
        LimitAlgorithm.TokenBucket => "token-bucket",
        LimitAlgorithm.FixedWindow => "fixed-window",
        LimitAlgorithm.SlidingWindowCounter => "sliding-window-counter",
        LimitAlgorithm.SlidingWindowLog => "sliding-window-log",
        _ => "concurrency",
    };

    private LimitAlgorithm? ReadAlgorithm(string text, string path)
    {
        if (TryReadAlgorithm(text, out var algorithm))
            return algorithm;
        Add(path, text, $"write {string.Join(", ", Enum.GetValues<LimitAlgorithm>().Select(AlgorithmName))}");
        return null;
    }

    private TimeSpan ReadPeriod(string? text, string path, bool required)
    {
        if (text is null)
        {
            if (required)
                Add(path, null, $"missing: {Duration.Syntax}");
            return TimeSpan.Zero;
        }

        if (!Duration.TryParse(text, out var period))
            Add(path, text, $"no duration: {Duration.Syntax}");
        return period;
    }

    private (long Factor, int Slot) CompileCost(string text, string path)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var factor))
        {
            if (factor < 0)
                Add($"{path}:Cost", text, "must not be negative: 0 charges nothing, 1 charges what the request asks");
            return (factor, -1);
        }

        if (!string.IsNullOrEmpty(text) && text.Length <= AttributeNames.MaxLength && (char.IsAsciiLetter(text[0]) || text[0] == '_'))
            return (1, SlotOf(text));
        Add($"{path}:Cost", text, "must be a whole number from 0, or the name of an attribute that holds one");
        return (1, -1);
    }

    private int SlotOf(string attribute)
    {
        if (!_slots.TryGetValue(attribute, out var slot))
            _slots[attribute] = slot = _slots.Count;
        return slot;
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    // One name and nothing else: the framework also takes numbers, and several names joined by commas.
    private static bool TryReadEnum<TEnum>(string? text, out TEnum value)
        where TEnum : struct, Enum
    {
        value = default;
        return !string.IsNullOrEmpty(text) && text.All(char.IsAsciiLetter) && Enum.TryParse(text, ignoreCase: true, out value);
    }

    private void Add(string path, string? value, string fault) =>
        _faults.Add(StrictBinder.Fault($"{RateLimitingOptions.Section}:Rules{path}", value, fault));
}

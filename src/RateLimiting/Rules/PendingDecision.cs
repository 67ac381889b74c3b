using System.Globalization;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// The work of one decision: which limits are asked, in which group, and what they answered. Reused from decision to decision, so that
/// a decision allocates its result and little else.
/// </summary>
internal sealed class PendingDecision
{
    // One is kept a thread; a decision that waits on an engine takes it along, and the next on that thread makes another.
    [ThreadStatic]
    private static PendingDecision? _spare;

    private readonly List<Entry> _entries = [];
    private readonly string[] _keyParts = new string[64];
    private string?[] _values = [];

    /// <summary>The version of the rules that decides.</summary>
    public RuleSet Rules { get; private set; } = RuleSet.Empty;

    /// <summary>Limits that deny, and are charged together.</summary>
    public CheckGroup Enforced { get; } = new();

    /// <summary>Concurrency limits of a request that holds nothing: they are only looked at.</summary>
    public CheckGroup Gauges { get; } = new();

    /// <summary>Limits of rules in dry run; asked rule by rule, so that one never hides another.</summary>
    public CheckGroup DryRun { get; } = new();

    /// <summary>Every limit looked at, in order.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>Whether any limit is a concurrency limit.</summary>
    public bool HoldsAny { get; private set; }

    /// <summary>Takes a clean one.</summary>
    public static PendingDecision Take(RuleSet rules)
    {
        var taken = _spare ?? new PendingDecision();
        _spare = null;
        taken.Rules = rules;
        if (taken._values.Length < rules.Attributes.Length)
            taken._values = new string?[rules.Attributes.Length];
        return taken;
    }

    /// <summary>Gives it back.</summary>
    public void Return()
    {
        _entries.Clear();
        Enforced.Clear();
        Gauges.Clear();
        DryRun.Clear();
        Array.Clear(_values);
        Array.Clear(_keyParts);
        Rules = RuleSet.Empty;
        HoldsAny = false;
        _spare = this;
    }

    /// <summary>Adds the limits of every rule that the request meets.</summary>
    /// <param name="request">Which of several requests that are decided together.</param>
    /// <param name="attributes">The request's attributes.</param>
    /// <param name="cost">The request's cost.</param>
    /// <param name="required">Rules that the endpoint asks for by name.</param>
    /// <param name="holds">Whether the request can hold: else concurrency limits are gauges.</param>
    public void AddMatching(int request, IAttributes attributes, long cost, IReadOnlyList<string>? required, bool holds)
    {
        var matcher = Rules.Matcher;
        if (matcher.Words == 0)
            return;
        Array.Clear(_values);
        attributes.Read(Rules, _values);
        Span<ulong> bits = stackalloc ulong[matcher.Words];
        matcher.Match(_values, required, bits);
        for (var at = RuleMatcher.Next(bits); at >= 0; at = RuleMatcher.Next(bits))
            AddRule(request, Rules.Rules[at], cost, holds);
    }

    /// <summary>Adds one limit that comes with the request itself.</summary>
    public void AddInline(int request, Limit limit, string key, long cost, bool holds) =>
        Add(new Entry(request, null, limit, key, 1), cost, holds, dryRun: false);

    /// <summary>Marks what is held until it is settled: concurrency limits, or all.</summary>
    public void HoldAll(bool cost)
    {
        HoldIn(Enforced, cost);
        HoldIn(DryRun, cost);
    }

    private static void HoldIn(CheckGroup group, bool cost)
    {
        for (var i = 0; i < group.Count; i++)
            group.Checks[i] = group.Checks[i] with { Hold = cost || group.Checks[i].Limit.Algorithm == LimitAlgorithm.Concurrency };
    }

    private void AddRule(int request, Rule rule, long cost, bool holds)
    {
        if (rule.Key.Parts > _keyParts.Length || rule.Key.Read(_values, _keyParts) is not null)
            return;
        var parts = _keyParts.AsSpan(0, rule.Key.Parts);
        var key = KeyTemplate.Join(parts);
        var factor = FactorOf(rule, _values);
        foreach (var limit in rule.LimitsFor(key, parts))
        {
            if (limit is not null)
                Add(new Entry(request, rule, limit, key, factor), Multiply(cost, factor, rule), holds, rule.DryRun);
        }
    }

    private void Add(Entry entry, long cost, bool holds, bool dryRun)
    {
        var concurrency = entry.Limit.Algorithm == LimitAlgorithm.Concurrency;
        var group = dryRun ? DryRun : concurrency && !holds ? Gauges : Enforced;
        HoldsAny |= concurrency;
        entry.Group = group;
        entry.At = group.Add(new LimitCheck(entry.Limit, entry.Key, cost, Hold: false, entry.Factor), entry.Rule);
        _entries.Add(entry);
    }

    /// <summary>How much a rule multiplies the cost of a request.</summary>
    /// <exception cref="ArgumentException">The attribute that holds it is no whole number from 0.</exception>
    internal static long FactorOf(Rule rule, string?[] values)
    {
        if (rule.CostSlot < 0 || string.IsNullOrEmpty(values[rule.CostSlot]))
            return rule.CostFactor;
        var text = values[rule.CostSlot]!;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var factor))
            return factor;
        throw new RequestFaultException(
            $"attribute '{rule.Source.Cost}' = '{(text.Length > 40 ? text[..40] + "…" : text)}' is the cost of rule '{rule.Name}': it must be a whole number from 0.");
    }

    private static long Multiply(long cost, long factor, Rule rule)
    {
        var product = (Int128)cost * factor;
        return product <= long.MaxValue
            ? (long)product
            : throw new RequestFaultException($"the request's cost {cost} times {factor} of rule '{rule.Name}' is out of range: use smaller units.");
    }

    /// <summary>One limit that is looked at.</summary>
    internal sealed class Entry(int request, Rule? rule, Limit limit, string key, long factor)
    {
        public int Request => request;

        /// <summary>The rule, or null for a limit that came with the request.</summary>
        public Rule? Rule => rule;

        public Limit Limit => limit;

        public string Key => key;

        public long Factor => factor;

        public CheckGroup Group { get; set; } = null!;

        /// <summary>The place in the group.</summary>
        public int At { get; set; }

        public string RuleName => rule?.Name ?? RuleRateLimiter.InlineRule;

        public bool DryRun => rule is { DryRun: true };

        public LimitResult ToResult() =>
            new(RuleName, limit, key, Group.Checks[At].Cost, Group.Outcomes[At], DryRun, Group.Sources[At]);
    }
}

/// <summary>Checks that are asked in one call, and their answers.</summary>
internal sealed class CheckGroup
{
    private const int MaxKept = 64;

    /// <summary>What is asked.</summary>
    public LimitCheck[] Checks { get; private set; } = new LimitCheck[4];

    /// <summary>The rule behind each check; null for inline limits.</summary>
    public Rule?[] Rules { get; private set; } = new Rule?[4];

    /// <summary>The answers.</summary>
    public LimitOutcome[] Outcomes { get; private set; } = new LimitOutcome[4];

    /// <summary>Who answered.</summary>
    public DecisionSource[] Sources { get; private set; } = new DecisionSource[4];

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    public int Add(LimitCheck check, Rule? rule)
    {
        if (Count == Checks.Length)
            Resize(Count * 2);
        Checks[Count] = check;
        Rules[Count] = rule;
        return Count++;
    }

    public void Clear()
    {
        Array.Clear(Checks, 0, Count);
        Array.Clear(Rules, 0, Count);
        Count = 0;
        if (Checks.Length > MaxKept)
            Resize(MaxKept);
    }

    private void Resize(int size)
    {
        var (checks, rules, outcomes, sources) = (Checks, Rules, Outcomes, Sources);
        Array.Resize(ref checks, size);
        Array.Resize(ref rules, size);
        Array.Resize(ref outcomes, size);
        Array.Resize(ref sources, size);
        (Checks, Rules, Outcomes, Sources) = (checks, rules, outcomes, sources);
    }
}

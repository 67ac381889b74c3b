using System.Collections.Frozen;

namespace Tenfold.RateLimiting.Rules;

/// <summary>What a rule does while the engine cannot be asked.</summary>
internal enum WhenUnavailable
{
    /// <summary>Count here, against this node's share of the limit.</summary>
    Local,

    /// <summary>Admit.</summary>
    Open,

    /// <summary>Reject.</summary>
    Closed,
}

/// <summary>A rule, compiled from its options. Immutable.</summary>
internal sealed class Rule
{
    /// <summary>The rule as it was written.</summary>
    public required RuleOptions Source { get; init; }

    /// <summary>The rule's name.</summary>
    public required string Name { get; init; }

    /// <summary>What it asks of a request.</summary>
    public required IReadOnlyList<Condition> Conditions { get; init; }

    /// <summary>Whose use it counts.</summary>
    public required KeyTemplate Key { get; init; }

    /// <summary>Its limits.</summary>
    public required Limit[] Limits { get; init; }

    /// <summary>The names by which overrides speak of the limits.</summary>
    public required string[] LimitNames { get; init; }

    /// <summary>Multiplies a request's cost, when <see cref="CostSlot"/> is under zero or its attribute absent.</summary>
    public required long CostFactor { get; init; }

    /// <summary>The place of the attribute that multiplies the cost, or -1.</summary>
    public required int CostSlot { get; init; }

    /// <summary>Count and report, never deny.</summary>
    public bool DryRun => Source.DryRun;

    /// <summary>Only for endpoints that ask for it.</summary>
    public bool OnlyWhenRequired => Source.OnlyWhenRequired;

    /// <summary>What to do while the engine cannot be asked.</summary>
    public required WhenUnavailable WhenUnavailable { get; init; }

    /// <summary>Limits for particular keys, by the joined key. A null limit exempts the key.</summary>
    public required FrozenDictionary<string, Limit?[]> Overrides { get; init; }

    /// <summary>Limits for patterns of keys, in order; the first that fits is taken.</summary>
    public required IReadOnlyList<PatternOverride> PatternOverrides { get; init; }

    /// <summary>What the rule did so far; lives on over reloads.</summary>
    public required RuleCounters Counters { get; init; }

    /// <summary>The limits for one key; null entries exempt it.</summary>
    public Limit?[] LimitsFor(string key, ReadOnlySpan<string> parts)
    {
        if (Overrides.Count > 0 && Overrides.TryGetValue(key, out var own))
            return own;
        foreach (var pattern in PatternOverrides)
        {
            if (pattern.Fits(parts))
                return pattern.Limits;
        }

        return Limits;
    }
}

/// <summary>An override for all keys of which some parts are given.</summary>
/// <param name="Parts">The parts; null stands for any.</param>
/// <param name="Limits">The limits; null exempts.</param>
internal sealed record PatternOverride(string?[] Parts, Limit?[] Limits)
{
    /// <summary>Whether the key is one of them.</summary>
    public bool Fits(ReadOnlySpan<string> parts)
    {
        for (var i = 0; i < Parts.Length; i++)
        {
            if (Parts[i] is { } part && !string.Equals(part, parts[i], StringComparison.Ordinal))
                return false;
        }

        return true;
    }
}

/// <summary>What a rule did since the start. Counted without locks; read at any time.</summary>
internal sealed class RuleCounters
{
    private long _admitted;
    private long _rejected;
    private long _dryRunRejected;
    private long _unavailable;

    public long Admitted => Volatile.Read(ref _admitted);

    public long Rejected => Volatile.Read(ref _rejected);

    public long DryRunRejected => Volatile.Read(ref _dryRunRejected);

    public long Unavailable => Volatile.Read(ref _unavailable);

    /// <summary>Counts one request that the rule matched.</summary>
    public void Count(bool hasRoom, bool dryRun, bool unavailable)
    {
        if (hasRoom)
            Interlocked.Increment(ref _admitted);
        else if (dryRun)
            Interlocked.Increment(ref _dryRunRejected);
        else
            Interlocked.Increment(ref _rejected);
        if (unavailable)
            Interlocked.Increment(ref _unavailable);
    }
}

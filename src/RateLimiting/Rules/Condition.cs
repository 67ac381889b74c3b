namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// What a rule asks of one attribute: any of the alternatives, or, negated, none of them. An attribute that is absent or empty meets only
/// a negated condition.
/// </summary>
internal sealed class Condition
{
    private Condition(string attribute, string text, bool negated, Glob[] patterns, IpNetwork[] networks)
    {
        Attribute = attribute;
        Text = text;
        Negated = negated;
        Patterns = patterns;
        Networks = networks;
    }

    /// <summary>The attribute's name.</summary>
    public string Attribute { get; }

    /// <summary>The condition as written.</summary>
    public string Text { get; }

    /// <summary>Whether the alternatives are excluded rather than asked for.</summary>
    public bool Negated { get; }

    /// <summary>Alternatives over text; empty for networks.</summary>
    public IReadOnlyList<Glob> Patterns { get; }

    /// <summary>Alternatives over addresses.</summary>
    public IReadOnlyList<IpNetwork> Networks { get; }

    /// <summary>Reads a condition; adds what is wrong to <paramref name="faults"/> and then returns null.</summary>
    public static Condition? Parse(string attribute, string text, List<string> faults)
    {
        var before = faults.Count;
        if (text.Length == 0)
            faults.Add("an empty condition matches nothing: leave it out, or write * for 'is there' and !* for 'is not there'");
        var negated = text.StartsWith('!');
        var alternatives = SplitAlternatives(negated ? text[1..] : text);
        if (text.Length > 0 && alternatives.Exists(string.IsNullOrEmpty))
            faults.Add("an alternative is empty: remove the extra |");
        var patterns = new List<Glob>();
        var networks = new List<IpNetwork>();
        foreach (var written in alternatives)
        {
            // As values are: a path's trailing slash does not count, or a rule for /api/ would never match.
            var alternative = AttributeNames.Normalise(attribute, written)!;
            if (AttributeNames.IsIp(attribute) && alternative != "*")
            {
                if (IpNetwork.TryParse(alternative, out var network, out var fault))
                    networks.Add(network);
                else
                    faults.Add(fault);
                continue;
            }

            if (AttributeNames.IsPath(attribute) && Glob.CheckPath(alternative) is { } pathFault)
                faults.Add(pathFault);
            patterns.Add(Glob.Parse(alternative, AttributeNames.IsPath(attribute), AttributeNames.IgnoresCase(attribute)));
        }

        return faults.Count > before ? null : new Condition(attribute, text, negated, [.. patterns], [.. networks]);
    }

    /// <summary>Whether a value (already normalised, see <see cref="AttributeNames.Normalise"/>) meets the condition.</summary>
    public bool IsMet(string? value)
    {
        if (string.IsNullOrEmpty(value))
            return Negated;
        foreach (var pattern in Patterns)
        {
            if (pattern.Matches(value))
                return !Negated;
        }

        if (Networks.Count > 0 && IpNetwork.TryParseAddress(value, out var address))
        {
            foreach (var network in Networks)
            {
                if (network.Contains(address))
                    return !Negated;
            }
        }

        return Negated;
    }

    private static List<string> SplitAlternatives(string text)
    {
        var alternatives = new List<string>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '|')
            {
                alternatives.Add(text[start..i]);
                start = i + 1;
            }
        }

        alternatives.Add(text[start..]);
        return alternatives;
    }
}

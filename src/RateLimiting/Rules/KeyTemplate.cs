using System.Text;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// Makes the key under which a rule counts a request, out of its attributes. Parts are joined with <c>|</c>, and a <c>|</c> inside a part is
/// escaped, so that two different sets of parts never make one key.
/// </summary>
internal sealed class KeyTemplate
{
    /// <summary>The key of a rule that counts all requests together.</summary>
    public const string Everyone = "all";

    private readonly Part[] _parts;

    private KeyTemplate(Part[] parts) => _parts = parts;

    /// <summary>How many parts a key has.</summary>
    public int Parts => _parts.Length;

    /// <summary>Reads a rule's key; adds what is wrong to <paramref name="faults"/> and then returns null.</summary>
    /// <param name="texts">The parts as written.</param>
    /// <param name="slotOf">Gives the place of an attribute's value.</param>
    /// <param name="faults">Receives the place in <paramref name="texts"/> and what is wrong.</param>
    public static KeyTemplate? Parse(IList<string> texts, Func<string, int> slotOf, List<(int At, string Fault)> faults)
    {
        var parts = new Part[texts.Count];
        var before = faults.Count;
        for (var i = 0; i < texts.Count; i++)
        {
            var pieces = texts[i].Contains('{', StringComparison.Ordinal) ? ReadTemplate(texts[i], slotOf) : ReadNames(texts[i], slotOf);
            if (pieces is null)
                faults.Add((i, "must be an attribute (user), alternatives (user|ip) or text with attributes in braces ({tenant}-{method})"));
            else
                parts[i] = new Part(texts[i], pieces);
        }

        return faults.Count > before ? null : new KeyTemplate(parts);
    }

    /// <summary>
    /// The key's parts for a request, in <paramref name="parts"/> (at least <see cref="Parts"/> long). Returns null, or the text of the part that the
    /// request has no attribute for.
    /// </summary>
    public string? Read(string?[] values, Span<string> parts)
    {
        for (var i = 0; i < _parts.Length; i++)
        {
            if (_parts[i].Read(values) is not { } part)
                return _parts[i].Text;
            parts[i] = part;
        }

        return null;
    }

    /// <summary>Joins parts to a key.</summary>
    public static string Join(ReadOnlySpan<string> parts)
    {
        if (parts.Length == 0)
            return Everyone;
        if (parts.Length == 1)
            return Escape(parts[0]);
        var plain = true;
        foreach (var part in parts)
            plain &= part.AsSpan().IndexOfAny('|', '\\') < 0;
        if (plain && parts.Length == 2)
            return string.Concat(parts[0], "|", parts[1]);
        var builder = new StringBuilder();
        for (var i = 0; i < parts.Length; i++)
            builder.Append(i == 0 ? "" : "|").Append(Escape(parts[i]));
        return builder.ToString();
    }

    private static string Escape(string part) =>
        part.AsSpan().IndexOfAny('|', '\\') < 0
            ? part
            : part.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    private static Piece[]? ReadNames(string text, Func<string, int> slotOf)
    {
        var names = text.Split('|', StringSplitOptions.TrimEntries);
        return names.Length == 0 || Array.Exists(names, n => n.Length is 0 or > AttributeNames.MaxLength)
            ? null
            : [new Piece(null, [.. names.Select(n => new Source(n, slotOf(n)))])];
    }

    private static Piece[]? ReadTemplate(string text, Func<string, int> slotOf)
    {
        var pieces = new List<Piece>();
        var at = 0;
        while (at < text.Length)
        {
            var open = text.IndexOf('{', at);
            if (open < 0)
                open = text.Length;
            if (open > at)
                pieces.Add(new Piece(text[at..open], []));
            if (open == text.Length)
                break;
            var close = text.IndexOf('}', open);
            if (close < 0 || ReadNames(text[(open + 1)..close], slotOf) is not { } names)
                return null;
            pieces.AddRange(names);
            at = close + 1;
        }

        return [.. pieces];
    }

    private readonly record struct Source(string Name, int Slot);

    private readonly record struct Piece(string? Literal, Source[] Sources)
    {
        public string? Read(string?[] values)
        {
            if (Literal is not null)
                return Literal;
            foreach (var source in Sources)
            {
                if (!string.IsNullOrEmpty(values[source.Slot]))
                    return AttributeNames.KeyPart(source.Name, values[source.Slot]!);
            }

            return null;
        }
    }

    private sealed record Part(string Text, Piece[] Pieces)
    {
        public string? Read(string?[] values)
        {
            if (Pieces.Length == 1)
                return Pieces[0].Read(values);
            var texts = new string[Pieces.Length];
            for (var i = 0; i < Pieces.Length; i++)
            {
                if (Pieces[i].Read(values) is not { } text)
                    return null;
                texts[i] = text;
            }

            return string.Concat(texts);
        }
    }
}

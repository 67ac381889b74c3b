namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// A pattern over one text: <c>*</c> any run of characters, <c>?</c> one, <c>{name}</c> one segment of a path; a backslash takes the next sign
/// literally. A pattern that ends in <c>/*</c> matches the folder itself too, since a limit on <c>/api/*</c> that <c>/api</c> walks
/// around is no limit.
/// </summary>
/// <remarks>Matching takes time proportional to text times pattern at worst, never exponential: it backtracks to the last star only.</remarks>
internal sealed class Glob
{
    private readonly Token[] _tokens;
    private readonly bool _ignoreCase;
    private readonly string? _folder;

    private Glob(string text, Token[] tokens, bool ignoreCase, string? folder)
    {
        Text = text;
        _tokens = tokens;
        _ignoreCase = ignoreCase;
        _folder = folder;
    }

    private enum Kind : byte
    {
        Literal,
        One,
        Segment,
        Any,
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>The one text that the pattern matches, when it has no sign with a meaning; else null.</summary>
    public string? Exact { get; private init; }

    /// <summary>Says what is wrong with a path's pattern, or null.</summary>
    public static string? CheckPath(string text)
    {
        for (var open = text.IndexOf('{', StringComparison.Ordinal); open >= 0; open = text.IndexOf('{', open + 1))
        {
            var close = text.IndexOf('}', open);
            var whole = open > 0 && text[open - 1] == '/' && close > open + 1 && (close + 1 == text.Length || text[close + 1] == '/');
            if (!whole && (open == 0 || text[open - 1] != '\\'))
                return "a {segment} stands between two slashes, or after the last: write /users/{id}/orders, use * for a part of a segment";
        }

        return text is "" or "*" || text[0] is '/' or '*' or '{' ? null : "a path begins with a slash: write /" + text;
    }

    /// <summary>Reads a pattern. Every text is one; a brace without its other half is a literal.</summary>
    /// <param name="text">The pattern.</param>
    /// <param name="isPath">Ignore case and read <c>{name}</c> as a segment.</param>
    /// <param name="ignoreCase">Ignore case.</param>
    public static Glob Parse(string text, bool isPath, bool ignoreCase)
    {
        var tokens = new List<Token>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\\' && i + 1 < text.Length)
                tokens.Add(new Token(Kind.Literal, Fold(text[++i], ignoreCase)));
            else if (c == '*')
                AddAny(tokens);
            else if (c == '?')
                tokens.Add(new Token(Kind.One, default));
            else if (c == '{' && isPath && text.IndexOf('}', i) is var end and > 0)
            {
                tokens.Add(new Token(Kind.Segment, default));
                i = end;
            }
            else
                tokens.Add(new Token(Kind.Literal, Fold(c, ignoreCase)));
        }

        var exact = tokens.TrueForAll(t => t.Kind == Kind.Literal) ? new string([.. tokens.Select(t => t.Value)]) : null;
        var folder = isPath && tokens.Count > 2 && tokens[^1].Kind == Kind.Any && tokens[^2] is { Kind: Kind.Literal, Value: '/' }
            ? text[..^2]
            : null;
        return new Glob(text, [.. tokens], ignoreCase, folder) { Exact = exact };
    }

    /// <summary>Whether the whole text matches.</summary>
    public bool Matches(ReadOnlySpan<char> text) =>
        Matches(_tokens, text) || (_folder is not null && Matches(_tokens.AsSpan(..^2), text));

    private bool Matches(ReadOnlySpan<Token> tokens, ReadOnlySpan<char> text)
    {
        // Greedy with one point to return to: enough, since a later star makes an earlier one's choice irrelevant. Segments are
        // greedy as well and need no return of their own: they end at a slash, which only a star before them could have moved.
        int t = 0, i = 0, starToken = -1, starText = 0;
        while (true)
        {
            if (t < tokens.Length && tokens[t].Kind == Kind.Any)
            {
                starToken = t++;
                starText = i;
                continue;
            }

            if (t == tokens.Length && i == text.Length)
                return true;
            if (t < tokens.Length && Step(tokens, t, text, i) is var length and > 0)
            {
                t++;
                i += length;
                continue;
            }

            if (starToken < 0 || starText >= text.Length)
                return false;
            t = starToken + 1;
            i = ++starText;
        }
    }

    private int Step(ReadOnlySpan<Token> tokens, int t, ReadOnlySpan<char> text, int i)
    {
        if (i >= text.Length)
            return 0;
        switch (tokens[t].Kind)
        {
            case Kind.Literal:
                return Fold(text[i], _ignoreCase) == tokens[t].Value ? 1 : 0;
            case Kind.One:
                return 1;
            default:
                var slash = text[i..].IndexOf('/');
                return slash < 0 ? text.Length - i : slash;
        }
    }

    private static char Fold(char c, bool ignoreCase) => ignoreCase ? char.ToUpperInvariant(c) : c;

    private static void AddAny(List<Token> tokens)
    {
        if (tokens.Count == 0 || tokens[^1].Kind != Kind.Any)
            tokens.Add(new Token(Kind.Any, default));
    }

    private readonly record struct Token(Kind Kind, char Value);
}

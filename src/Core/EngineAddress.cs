using System.Diagnostics.CodeAnalysis;

namespace Tenfold;

/// <summary>
/// Names the engine on which a system keeps its state: <c>embedded:</c> (this process, the default), or the address of a
/// server, as <c>redis://user:password@host:6379/0</c> or <c>orleans://redis/host:6379</c>.
/// </summary>
/// <remarks>Immutable and thread-safe. <see cref="ToString"/> never shows the password.</remarks>
public sealed record EngineAddress
{
    private EngineAddress(string scheme, string rest)
    {
        Scheme = scheme;
        Rest = rest;
    }

    /// <summary>The engine that runs in this process, with files under the data directory.</summary>
    public static EngineAddress Embedded { get; } = new("embedded", "");

    /// <summary>The engine's name in lower case: <c>embedded</c>, <c>redis</c>, <c>postgres</c>, <c>orleans</c>, …</summary>
    public string Scheme { get; }

    /// <summary>All that follows <c>scheme:</c> or <c>scheme://</c>; may hold a password.</summary>
    public string Rest { get; }

    /// <summary>Whether the state is kept in this process.</summary>
    public bool IsEmbedded => Scheme == "embedded";

    /// <summary>Reads an address.</summary>
    /// <exception cref="FormatException">The text is no engine address; the message says what one looks like.</exception>
    public static EngineAddress Parse(string text) =>
        TryParse(text, out var address)
            ? address
            : throw new FormatException($"'{Redact(text)}' is no engine address: write 'embedded:' or 'redis://host:6379'.");

    /// <summary>Reads an address; false when the text is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out EngineAddress? address)
    {
        address = null;
        if (string.IsNullOrWhiteSpace(text))
            return false;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0)
            return false;
        var scheme = text[..colon];
        foreach (var c in scheme)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '-'))
                return false;
        }

        scheme = scheme.ToLowerInvariant();
        var rest = text[(colon + 1)..];
        if (scheme != "embedded" && (!rest.StartsWith("//", StringComparison.Ordinal) || rest.Length == 2))
            return false;
        if (rest.StartsWith("//", StringComparison.Ordinal))
            rest = rest[2..];
        address = new EngineAddress(scheme, rest);
        return true;
    }

    /// <summary>The address without its password.</summary>
    public override string ToString() => IsEmbedded ? $"embedded:{Rest}" : $"{Scheme}://{Redact(Rest)}";

    private static string Redact(string? rest)
    {
        var at = rest?.LastIndexOf('@') ?? -1;
        return at < 0 ? rest ?? "" : string.Concat("***", rest.AsSpan(at));
    }
}

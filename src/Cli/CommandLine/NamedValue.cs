namespace Tenfold.Cli.CommandLine;

/// <summary>Reads <c>NAME=VALUE</c>.</summary>
internal static class NamedValue
{
    /// <param name="where">What stood before it on the command line, for the message.</param>
    /// <param name="text">The text.</param>
    public static KeyValuePair<string, string> Parse(string where, string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0
            ? KeyValuePair.Create(text[..equals], text[(equals + 1)..])
            : throw new CommandFailure(ExitCode.Usage, $"{where}{text}: write NAME=VALUE");
    }
}

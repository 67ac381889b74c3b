using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Tenfold.Cli.CommandLine;

/// <summary>Writes what a command found: text and tables for people, JSON for programs.</summary>
internal static class Terminal
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        // Read in a terminal or by a JSON parser, never inside a web page: quotes and plus signs may stay as they are.
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Whether a person is looking: only then bars and redrawing make sense.</summary>
    public static bool IsInteractive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;

    public static void WriteLine(string text = "") => Console.Out.WriteLine(text);

    public static void WriteJson(object? value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, Indented));

    public static void WriteJson(JsonNode value) => Console.Out.WriteLine(value.ToJsonString(Indented));

    /// <summary>A table without frames, readable in a log as well.</summary>
    public static void WriteTable(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows)
    {
        var all = rows.ToList();
        var widths = headers.Select((h, i) => all.Select(r => r[i].Length).Append(h.Length).Max()).ToArray();
        WriteRow(headers, widths);
        foreach (var row in all)
            WriteRow(row, widths);
    }

    private static void WriteRow(IReadOnlyList<string> cells, int[] widths) =>
        WriteLine(string.Join("  ", cells.Select((c, i) => i == cells.Count - 1 ? c : c.PadRight(widths[i]))).TrimEnd());
}

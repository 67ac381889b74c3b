using System.Text.Json;
using System.Text.RegularExpressions;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The built command, run as users run it: a process of its own, judged by what it prints and its exit code.</summary>
internal static partial class CliProgram
{
    /// <summary>The built command of this test assembly's configuration: <c>artifacts/bin/project/configuration</c> lie side by side.</summary>
    public static string File { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Cli", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "tenfold"));

    /// <summary>Runs a command to its end. Whatever it was asked, it must show no stack trace.</summary>
    public static async Task<CliResult> RunAsync(string directory, params string[] arguments)
    {
        await using var process = ChildProcess.Start(File, arguments, workingDirectory: directory);
        var exitCode = await process.WaitForExitAsync(TimeSpan.FromSeconds(60));
        AssertNoStackTrace(process.Output);
        return new CliResult(exitCode, process.Output);
    }

    public static void AssertNoStackTrace(string output) => Assert.DoesNotMatch(StackTrace(), output);

    // One line a frame, or all frames in one line as the log's writer puts them.
    [GeneratedRegex(@"(^|\s{2,})at [A-Za-z_<][\w.<>`]*\.[\w.<>`]+\(|Unhandled exception|--- End of ", RegexOptions.Multiline)]
    private static partial Regex StackTrace();
}

/// <summary>How a command ended and all that it printed.</summary>
internal sealed record CliResult(int ExitCode, string Output)
{
    /// <summary>Its output as JSON; nothing but JSON may be in it.</summary>
    public JsonElement Json()
    {
        using var document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }

    /// <summary>Asserts the exit code; a failure shows the output.</summary>
    public CliResult Ended(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode}, not {exitCode}:\n{Output}");
        return this;
    }
}

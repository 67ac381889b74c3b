using System.CommandLine;
using System.Runtime.InteropServices;
using Tenfold.Server.Configuration;

namespace Tenfold.Cli.CommandLine;

/// <summary>Runs one command: parses, handles signals, and turns every end into lines and an exit code.</summary>
internal static class TenfoldProgram
{
    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = TenfoldCommands.Create().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        // Whoever asks for help does not have to know yet what a command needs.
        if (HelpText.IsAskedFor(parsed))
            return HelpText.Write(parsed);
        if (parsed.Errors.Count > 0)
            return Explain(parsed);

        using var interrupted = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, interrupted));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, interrupted));
        try
        {
            // Our own handlers serve: the library's would end the process two seconds after the first signal.
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, interrupted.Token);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("tenfold: interrupted.");
            return ExitCode.Interrupted;
        }
        catch (Exception e)
        {
            return await ReportAsync(e);
        }
    }

    // The first signal asks to end in order; the second means it.
    private static void Stop(PosixSignalContext signal, CancellationTokenSource interrupted)
    {
        signal.Cancel = true;
        if (interrupted.IsCancellationRequested)
            Environment.Exit(ExitCode.Interrupted);
        interrupted.Cancel();
    }

    private static int Explain(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var path = HelpText.PathOf(command);
        if (parsed.UnmatchedTokens is [var unknown, ..])
        {
            // What else the parser says, as a missing command, only follows from this.
            var known = command.Subcommands.Select(c => c.Name).Concat(command.Options.Where(o => !o.Hidden).Select(o => o.Name));
            Console.Error.WriteLine($"tenfold: '{path}' has no '{unknown}'{Suggestion.For(unknown, known)}");
        }
        else
        {
            foreach (var error in parsed.Errors.Select(e => e.Message).Distinct(StringComparer.Ordinal))
                Console.Error.WriteLine($"tenfold: {error}");
        }

        Console.Error.WriteLine($"See '{path} --help'.");
        return ExitCode.Usage;
    }

    private static async Task<int> ReportAsync(Exception e)
    {
        var (code, message) = e switch
        {
            CommandFailure failure => (failure.ExitCode, failure.Message),
            ConfigurationFaultsException faults => (ExitCode.Usage, Faults(faults)),
            TenfoldException known => (ExitCode.Failed, known.Message),
            _ => (ExitCode.Failed, $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} (TENFOLD_TRACE=1 shows where)"),
        };
        await Console.Error.WriteLineAsync($"tenfold: {message}");
        if (Environment.GetEnvironmentVariable("TENFOLD_TRACE") == "1")
            await Console.Error.WriteLineAsync(e.ToString());
        return code;
    }

    private static string Faults(ConfigurationFaultsException faults) =>
        $"the configuration has {(faults.Faults.Count == 1 ? "a fault" : $"{faults.Faults.Count} faults")}:\n  {string.Join("\n  ", faults.Faults)}";
}

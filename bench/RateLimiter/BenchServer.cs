using System.Diagnostics;
using System.Globalization;

namespace Tenfold.Bench.RateLimiter;

/// <summary>A server in a process of its own, ended with this object and at the latest with this process.</summary>
internal sealed class BenchServer : IDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private BenchServer(Process process, int port)
    {
        _process = process;
        Port = port;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    public int Port { get; }

    public int ProcessId => _process.Id;

    /// <summary>Starts this program again as a server, which prints its port on the first line.</summary>
    public static BenchServer Start(string kind)
    {
        var process = Launch(Environment.ProcessPath!, ["serve", kind], out var line, line => line.Length > 0);
        return new BenchServer(process, int.Parse(line, CultureInfo.InvariantCulture));
    }

    /// <summary>Starts another program and waits until it has written a line with the text.</summary>
    public static BenchServer StartProgram(string program, int port, string ready, params string[] arguments) =>
        new(Launch(program, arguments, out _, line => line.Contains(ready, StringComparison.Ordinal)), port);

    /// <summary>Runs a program to its end and returns what it wrote.</summary>
    public static string Output(string program, params string[] arguments)
    {
        using var process = Create(program, arguments);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        OnExit(null, EventArgs.Empty);
        _process.WaitForExit();
        _process.Dispose();
    }

    private void OnExit(object? sender, EventArgs arguments)
    {
        if (!_process.HasExited)
            _process.Kill();
    }

    private static Process Launch(string program, string[] arguments, out string line, Func<string, bool> isReady)
    {
        var process = Create(program, arguments);
        var started = Stopwatch.GetTimestamp();
        while (process.StandardOutput.ReadLine() is { } read && Stopwatch.GetElapsedTime(started) < StartDeadline)
        {
            line = read;
            if (!isReady(read))
                continue;
            _ = process.StandardOutput.ReadToEndAsync();
            return process;
        }

        process.Kill();
        throw new InvalidOperationException($"{program} did not start.");
    }

    private static Process Create(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            throw new InvalidOperationException($"'{program}' could not be started ({fault.Message}): apt-get install redis-server redis-tools", fault);
        }
    }
}

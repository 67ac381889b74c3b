using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Faults;

/// <summary>
/// A server that the lab starts, kills, pauses and measures from outside. Its output is kept (the last lines) to explain a failed
/// start. Disposing kills it: nothing outlives a run.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 40;

    private readonly LabClock _clock;
    private readonly Func<ProcessStartInfo> _start;
    private readonly Queue<string> _output = new();
    private Process? _process;

    /// <param name="clock">The run's clock.</param>
    /// <param name="name">For messages.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="workingDirectory">Where it runs.</param>
    /// <param name="environment">Variables set for it.</param>
    public ChildProcess(
        LabClock clock,
        string name,
        IReadOnlyList<string> command,
        string workingDirectory,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        _clock = clock;
        Name = name;
        _start = () => Describe(command, workingDirectory, environment);
    }

    public string Name { get; }

    /// <summary>How often it was started again after a kill.</summary>
    public int Restarts { get; private set; }

    public Process Process => _process ?? throw new LabException($"{Name} is not running.");

    public string Output
    {
        get
        {
            lock (_output)
                return string.Join(Environment.NewLine, _output);
        }
    }

    /// <summary>A port of the loopback interface that was free a moment ago.</summary>
    public static int FreePort()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <summary>Starts it and waits until <paramref name="ready"/> says so.</summary>
    public async Task StartAsync(Func<CancellationToken, Task<bool>> ready, TimeSpan within, CancellationToken cancellationToken)
    {
        Launch();
        var until = _clock.Now + LabClock.Nanoseconds(within);
        while (_clock.Now < until)
        {
            if (Process.HasExited)
                throw new LabException($"{Name} ended with code {Process.ExitCode} instead of serving. It said:{Environment.NewLine}{Output}");
            if (await ready(cancellationToken))
                return;
            await Task.Delay(TimeSpan.FromMilliseconds(20), _clock.Time, cancellationToken);
        }

        throw new LabException($"{Name} did not serve within {within.TotalSeconds:0} s. It said:{Environment.NewLine}{Output}");
    }

    /// <summary>SIGKILL: no handler, no flush, no goodbye.</summary>
    public async Task KillAsync()
    {
        if (_process is null)
            return;
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It had ended by itself.
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _process = null;
    }

    public async Task RestartAsync(Func<CancellationToken, Task<bool>> ready, TimeSpan within, CancellationToken cancellationToken)
    {
        await KillAsync();
        Restarts++;
        await StartAsync(ready, within, cancellationToken);
    }

    /// <summary>Resident memory in bytes, as the operating system counts it.</summary>
    public long ResidentBytes()
    {
        Process.Refresh();
        return Process.WorkingSet64;
    }

    /// <summary>Processor time used so far.</summary>
    public TimeSpan ProcessorTime()
    {
        Process.Refresh();
        return Process.TotalProcessorTime;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } && ProcessSignal.Supported)
            ProcessSignal.Continue(_process);
        await KillAsync();
    }

    /// <summary>Whether something accepts connections at the port.</summary>
    public static async Task<bool> AcceptsAsync(IPEndPoint target, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(target, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static ProcessStartInfo Describe(
        IReadOnlyList<string> command, string workingDirectory, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        return start;
    }

    private void Launch()
    {
        var process = new Process { StartInfo = _start() };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            throw new LabException($"'{process.StartInfo.FileName}' could not be started for {Name}: {fault.Message}", fault);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        _process = process;
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
        {
            _output.Enqueue(line);
            while (_output.Count > KeptLines)
                _output.Dequeue();
        }
    }
}

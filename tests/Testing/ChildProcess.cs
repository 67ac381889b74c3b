using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tenfold.Testing;

/// <summary>
/// A process started by a test, with its output captured. Ends with the test process, and is only ever signalled by its own id.
/// </summary>
/// <remarks>Thread-safe. Pause and resume are SIGSTOP and SIGCONT: the process keeps its sockets and answers nothing.</remarks>
public sealed partial class ChildProcess : IAsyncDisposable
{
    private const int MaxLines = 100_000;
    private const int SignalKill = 9;
    private const int SignalTerminate = 15;
    private const int SignalContinue = 18;
    private const int SignalStop = 19;

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Lock _gate = new();
    private readonly EventHandler _onExit;

    private ChildProcess(Process process)
    {
        _process = process;
        // A test process that ends early must leave no server behind.
        _onExit = (_, _) => Kill();
        AppDomain.CurrentDomain.ProcessExit += _onExit;
    }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Lines written so far.</summary>
    public int LineCount
    {
        get
        {
            lock (_gate)
                return _lines.Count;
        }
    }

    /// <summary>What it has written so far, standard output and error as they came.</summary>
    public string Output
    {
        get
        {
            lock (_gate)
                return string.Join('\n', _lines);
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="file">The program's name or path.</param>
    /// <param name="arguments">Its arguments, passed as they are.</param>
    /// <param name="environment">Variables to set besides the test's own.</param>
    /// <param name="workingDirectory">Where it runs; null for the test's own directory.</param>
    /// <exception cref="InvalidOperationException">It could not be started; the message names it.</exception>
    public static ChildProcess Start(
        string file,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        string? workingDirectory = null)
    {
        var start = new ProcessStartInfo(file)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;

        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var child = new ChildProcess(process);
        process.OutputDataReceived += (_, line) => child.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        try
        {
            process.Start();
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception or FileNotFoundException)
        {
            AppDomain.CurrentDomain.ProcessExit -= child._onExit;
            process.Dispose();
            throw new InvalidOperationException($"'{file}' could not be started: {fault.Message}", fault);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for a line that holds the text and returns it.</summary>
    /// <exception cref="InvalidOperationException">The process ended first; the message shows its output.</exception>
    /// <exception cref="TimeoutException">No such line came before the deadline.</exception>
    public async Task<string> WaitForLineAsync(string containing, TimeSpan? deadline = null)
    {
        string? found = null;
        await Eventually.HoldsAsync(
            () =>
            {
                // Asked before the search: output that came with the end must still be seen.
                var ended = _process.HasExited;
                if (ended)
                    _process.WaitForExit();
                lock (_gate)
                    found = _lines.Find(line => line.Contains(containing, StringComparison.Ordinal));
                if (found is null && ended)
                    throw new InvalidOperationException($"'{_process.StartInfo.FileName}' ended ({_process.ExitCode}) before it wrote '{containing}':\n{Output}");
                return found is not null;
            },
            $"the line '{containing}' from {_process.StartInfo.FileName}; so far:\n{Output}",
            deadline);
        return found!;
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    /// <exception cref="TimeoutException">It did not end before the deadline.</exception>
    public async Task<int> WaitForExitAsync(TimeSpan? deadline = null)
    {
        using var cancel = new CancellationTokenSource(deadline ?? Eventually.Deadline);
        try
        {
            await _process.WaitForExitAsync(cancel.Token);
        }
        catch (OperationCanceledException fault)
        {
            throw new TimeoutException($"'{_process.StartInfo.FileName}' ({Id}) did not end:\n{Output}", fault);
        }

        return _process.ExitCode;
    }

    /// <summary>Ends it with SIGKILL and waits until it is gone: no handler runs, nothing is flushed.</summary>
    public void Kill()
    {
        Signal(SignalKill);
        try
        {
            _process.WaitForExit(TimeSpan.FromSeconds(10));
        }
        catch (InvalidOperationException)
        {
            // Never started, or already collected.
        }
    }

    /// <summary>Asks it to end (SIGTERM); see <see cref="WaitForExitAsync"/>.</summary>
    public void Terminate() => Signal(SignalTerminate);

    /// <summary>Freezes it (SIGSTOP).</summary>
    public void Pause() => Signal(SignalStop);

    /// <summary>Lets a frozen process go on (SIGCONT).</summary>
    public void Resume() => Signal(SignalContinue);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= _onExit;
        Kill();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);

    private void Signal(int signal)
    {
        try
        {
            // An ended process' id may belong to another by now.
            if (!_process.HasExited)
                _ = SendSignal(_process.Id, signal);
        }
        catch (InvalidOperationException)
        {
            // Never started: nothing to signal.
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_gate)
        {
            if (_lines.Count < MaxLines)
                _lines.Add(line);
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tenfold.Testing;

/// <summary>A real server of the Redis protocol, on a loopback port, for one test or one test class.</summary>
public abstract class RespServer : IAsyncDisposable
{
    private const int Attempts = 5;

    private ChildProcess? _process;

    private protected RespServer()
    {
    }

    /// <summary>The port on 127.0.0.1; it stays the same over a restart.</summary>
    public int Port { get; private set; }

    /// <summary>The engine address: <c>redis://127.0.0.1:PORT</c>.</summary>
    public string Address => $"redis://127.0.0.1:{Port}";

    /// <summary>Where the server keeps its files.</summary>
    public string DataDirectory => Data.Path;

    /// <summary>What the server has written.</summary>
    public string Output => _process?.Output ?? "";

    /// <summary>The server's process id.</summary>
    public int ProcessId => _process?.Id ?? 0;

    /// <summary>The password that commands of this fixture give, or null.</summary>
    public string? Password { get; init; }

    private protected TemporaryDirectory Data { get; } = new();

    /// <summary>Ends it with SIGKILL.</summary>
    public void Kill() => _process?.Kill();

    /// <summary>Freezes it: connections stay open and nothing is answered.</summary>
    public void Pause() => _process?.Pause();

    /// <summary>Lets it go on after <see cref="Pause"/>.</summary>
    public void Resume() => _process?.Resume();

    /// <summary>Kills it if it runs and starts it again on the same port. What it kept only in memory is gone, scripts too.</summary>
    public async Task RestartAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _process = await StartOnAsync(Port);
    }

    /// <summary>Deletes every key.</summary>
    public async Task FlushAsync() => await CommandAsync("FLUSHALL");

    /// <summary>Sends one command on a connection of its own and returns the answer's first line, without its type mark.</summary>
    /// <exception cref="InvalidOperationException">The server answered with an error.</exception>
    public async Task<string> CommandAsync(params string[] command)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, Port);
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.UTF8);
        if (Password is not null)
            await ExchangeAsync(stream, reader, ["AUTH", Password]);
        return await ExchangeAsync(stream, reader, command);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        Data.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts the program that listens on the port.</summary>
    private protected abstract ChildProcess Launch(int port);

    private protected async Task OpenAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            Port = LoopbackPorts.Free();
            try
            {
                _process = await StartOnAsync(Port);
                return;
            }
            catch (InvalidOperationException fault) when (attempt < Attempts && fault.Message.Contains("in use", StringComparison.OrdinalIgnoreCase))
            {
                // Another process took the port between the choice and the bind.
            }
        }
    }

    private static async Task<string> ExchangeAsync(NetworkStream stream, StreamReader reader, string[] command)
    {
        var text = new StringBuilder().Append('*').Append(command.Length).Append("\r\n");
        foreach (var part in command)
            text.Append('$').Append(Encoding.UTF8.GetByteCount(part)).Append("\r\n").Append(part).Append("\r\n");
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()));
        using var cancel = new CancellationTokenSource(Eventually.Deadline);
        var line = await reader.ReadLineAsync(cancel.Token) ?? throw new IOException("The server closed the connection.");
        if (line.StartsWith('-'))
            throw new InvalidOperationException($"{command[0]}: {line[1..]}");
        if (line.StartsWith('$') && line != "$-1")
            return await reader.ReadLineAsync(cancel.Token) ?? "";
        return line[1..];
    }

    private async Task<ChildProcess> StartOnAsync(int port)
    {
        var process = Launch(port);
        try
        {
            await Eventually.HoldsAsync(() => AnswersAsync(process), $"an answer to PING on port {port}", TimeSpan.FromSeconds(60));
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    private async ValueTask<bool> AnswersAsync(ChildProcess process)
    {
        if (process.HasExited)
            throw new InvalidOperationException($"The server ended at its start:\n{process.Output}");
        try
        {
            return await CommandAsync("PING") == "PONG";
        }
        catch (Exception fault) when (fault is SocketException or IOException)
        {
            return false;
        }
        catch (InvalidOperationException fault) when (fault.Message.Contains("LOADING", StringComparison.Ordinal))
        {
            return false;
        }
    }
}

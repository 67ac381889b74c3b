using System.Net;
using System.Net.Sockets;

namespace Tenfold.Lab.Tests;

/// <summary>
/// A real TCP server whose behaviour a test scripts: every chunk received is handed to the script, which says what to send back.
/// One thread per server answers in order, so that a stall stalls everyone, as a garbage collection would.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<ReadOnlyMemory<byte>, byte[]?> _answer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Socket> _clients = [];
    private readonly Task _accepting;
    private TaskCompletionSource _open = Done();

    /// <param name="answer">Gets a chunk, gives the bytes to send, or null to cut the connection.</param>
    public ScriptedServer(Func<ReadOnlyMemory<byte>, byte[]?> answer)
    {
        _answer = answer;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(256);
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    public IPEndPoint Address { get; }

    /// <summary>Stops answering; requests pile up.</summary>
    public void Stall()
    {
        lock (_gate)
            _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Answers what piled up.</summary>
    public void Resume()
    {
        lock (_gate)
            _open.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Resume();
        _listener.Dispose();
        await _accepting;
        lock (_gate)
            _clients.ForEach(client => client.Dispose());
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync(_stop.Token);
                client.NoDelay = true;
                lock (_gate)
                    _clients.Add(client);
                _ = ServeAsync(client);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await client.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
            {
                Task open;
                lock (_gate)
                    open = _open.Task;
                await open.WaitAsync(_stop.Token);
                if (_answer(buffer.AsMemory(0, count)) is not { } answer)
                {
                    client.Dispose();
                    return;
                }

                await client.SendAsync(answer, _stop.Token);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private static TaskCompletionSource Done()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }
}

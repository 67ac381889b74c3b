using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// The limiter's Redis-protocol face: any Redis client asks it with <c>CL.THROTTLE</c> (as redis-cell), or by the configured rules
/// with <c>TENFOLD.ACQUIRE</c>.
/// </summary>
/// <remarks>Thread-safe. Each connection is served on its own; a fault in one ends that one.</remarks>
internal sealed class RespListener(RespOptions options, RespCommands commands, RespStatistics statistics, ILogger<RespListener> log)
    : IHostedService, IDisposable
{
    private const int Backlog = 512;

    private static readonly byte[] TooMany = "-ERR max number of clients reached\r\n"u8.ToArray();

    private readonly ConcurrentDictionary<long, (RespConnection Connection, Task Served)> _connections = new();
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private long _lastId;

    /// <summary>Where it listens; null before the start, after the stop, and when it is switched off.</summary>
    public IPEndPoint? EndPoint { get; private set; }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Enabled)
            return Task.CompletedTask;
        if (!options.TryGetEndPoint(out var endPoint))
            throw new TenfoldException(string.Join('\n', options.Faults("Tenfold:RateLimiting:Resp")));
        var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(endPoint);
            listener.Listen(Backlog);
        }
        catch (SocketException fault)
        {
            listener.Dispose();
            throw new TenfoldException(
                $"Tenfold:RateLimiting:Resp:Address = {options.Address}: cannot listen there ({fault.Message}); choose another or set Resp:Enabled to false.",
                fault);
        }

        _listener = listener;
        EndPoint = (IPEndPoint)listener.LocalEndPoint!;
        _accepting = AcceptAsync(listener);
        RespLog.Listening(log, EndPoint);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _listener?.Dispose();
        EndPoint = null;
        await _accepting;
        foreach (var (connection, _) in _connections.Values)
            connection.Abort();
        foreach (var (_, served) in _connections.Values)
            await served.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _listener?.Dispose();

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                var socket = await listener.AcceptAsync();
                if (statistics.Connections >= options.MaxConnections)
                    Refuse(socket);
                else
                    Open(socket);
            }
            catch (SocketException fault) when (fault.SocketErrorCode is not (SocketError.OperationAborted or SocketError.Interrupted))
            {
                // One client's fault (gone before it was taken), or no file handle is left: the next one may fare better.
                RespLog.AcceptFailed(log, fault);
            }
            catch (Exception fault) when (fault is ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private void Open(Socket socket)
    {
        socket.NoDelay = true;
        var id = ++_lastId;
        var remote = Convert.ToString(socket.RemoteEndPoint, CultureInfo.InvariantCulture) ?? "";
        var session = new RespSession(commands, id, remote);
        var connection = new RespConnection(socket, session, options.MaxRequestBytes);
        statistics.Opened();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _connections[id] = (connection, ServeAsync(connection, session, go.Task));
        go.SetResult();
    }

    private async Task ServeAsync(RespConnection connection, RespSession session, Task registered)
    {
        // Only once it is in the table, so that it cannot be removed before it is added.
        await registered;
        try
        {
            await connection.RunAsync();
        }
        catch (Exception fault)
        {
            RespLog.ConnectionFailed(log, session.RemoteAddress, fault);
        }
        finally
        {
            _connections.TryRemove(session.Id, out _);
            statistics.Closed();
        }
    }

    private void Refuse(Socket socket)
    {
        statistics.Refused();
        using (socket)
        {
            // A new socket's send buffer is empty, so this never waits.
            socket.Send(TooMany);
            socket.Shutdown(SocketShutdown.Send);
        }
    }
}

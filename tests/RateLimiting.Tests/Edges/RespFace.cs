using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>A running Redis-protocol face on a free port.</summary>
internal sealed class RespFace : IAsyncDisposable
{
    private readonly RespListener _listener;

    private RespFace(RespListener listener, RespStatistics statistics)
    {
        _listener = listener;
        Statistics = statistics;
    }

    public RespStatistics Statistics { get; }

    public IPEndPoint EndPoint => _listener.EndPoint!;

    public string Port => EndPoint.Port.ToString(CultureInfo.InvariantCulture);

    public static async Task<RespFace> StartAsync(
        ILimitStore store, IRateLimiter? limiter = null, Action<RespOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new RespOptions { Address = "127.0.0.1:0" };
        configure?.Invoke(options);
        var statistics = new RespStatistics(time ?? TimeProvider.System);
        var decisions = limiter is null ? null : new RespDecisions(limiter);
        var commands = new RespCommands(new RespThrottle(store), decisions, options, statistics);
        var listener = new RespListener(options, commands, statistics, NullLogger<RespListener>.Instance);
        await listener.StartAsync(CancellationToken.None);
        return new RespFace(listener, statistics);
    }

    public async Task<RawClient> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(EndPoint);
        return new RawClient(socket);
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.StopAsync(CancellationToken.None);
        _listener.Dispose();
    }
}

/// <summary>A client that sends any bytes and reads what comes.</summary>
internal sealed class RawClient(Socket socket) : IDisposable
{
    public Task SendAsync(string bytes) => SendAsync(Encoding.Latin1.GetBytes(bytes));

    public async Task SendAsync(byte[] bytes)
    {
        using var deadline = Deadline();
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent), deadline.Token);
    }

    /// <summary>Sends and expects exactly this reply, and nothing after it that has arrived.</summary>
    public async Task ExpectAsync(string bytes, string reply)
    {
        await SendAsync(bytes);
        await ExpectAsync(reply);
    }

    public async Task ExpectAsync(string reply) => Assert.Equal(reply, await ReadAsync(reply.Length));

    public async Task<string> ReadAsync(int bytes)
    {
        using var deadline = Deadline();
        var buffer = new byte[bytes];
        var filled = 0;
        while (filled < bytes)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(filled), deadline.Token);
            if (received == 0)
                break;
            filled += received;
        }

        return Encoding.Latin1.GetString(buffer, 0, filled);
    }

    /// <summary>Reads until the other side closes; a reset counts as closed.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using var deadline = Deadline();
        var text = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, deadline.Token) is > 0 and var received)
                text.Append(Encoding.Latin1.GetString(buffer, 0, received));
        }
        catch (SocketException fault) when (fault.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Bytes that nobody read turn the close into a reset.
        }

        return text.ToString();
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => socket.Dispose();

    private static CancellationTokenSource Deadline() => new(Testing.Eventually.Deadline);
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tenfold.Bench.RateLimiter;

/// <summary>redis-server with the generic cell rate algorithm as a script: one key, one read, one write, Redis's own clock.</summary>
internal sealed class RespPeer : IDisposable
{
    // Microseconds: Redis's Lua has doubles, which hold them exactly. The key lives as long as it matters.
    private const string Script = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local burst = ARGV[1] + 1
        local interval = ARGV[3] * 1000000 / ARGV[2]
        local tolerance = interval * burst
        local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
        if arrival < now then arrival = now end
        local next = arrival + interval * ARGV[4]
        local wait = next - now - tolerance
        if wait > 0 then
          return {1, burst, math.floor((tolerance - arrival + now) / interval), math.ceil(wait / 1000000), math.ceil((arrival - now) / 1000000)}
        end
        redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
        return {0, burst, math.floor((tolerance - next + now) / interval), -1, math.ceil((next - now) / 1000000)}
        """;

    private readonly BenchServer _server;

    private RespPeer(BenchServer server, string sha)
    {
        _server = server;
        ScriptSha = sha;
    }

    public int Port => _server.Port;

    public int ProcessId => _server.ProcessId;

    /// <summary>The script's name in EVALSHA.</summary>
    public string ScriptSha { get; }

    public static RespPeer Start()
    {
        var port = FreePort();
        var server = BenchServer.StartProgram(
            "redis-server", port, "Ready to accept connections", "--port", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no");
        return new RespPeer(server, Load(port));
    }

    public void Dispose() => _server.Dispose();

    private static string Load(int port)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, port);
        socket.Send(Encoding.ASCII.GetBytes($"*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n${Script.Length}\r\n{Script}\r\n"));
        var buffer = new byte[512];
        var reply = Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
        return reply.StartsWith("$40\r\n", StringComparison.Ordinal)
            ? reply[5..45]
            : throw new InvalidOperationException($"redis-server did not take the script: {reply}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

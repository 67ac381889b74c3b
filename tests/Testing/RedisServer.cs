namespace Tenfold.Testing;

/// <summary>Debian's redis-server on a loopback port. It keeps nothing on disk unless an argument says so.</summary>
public sealed class RedisServer : RespServer
{
    private readonly string[] _arguments;

    private RedisServer(string[] arguments) => _arguments = arguments;

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="arguments">More settings, as on the command line: <c>--maxmemory</c>, <c>2mb</c>.</param>
    /// <exception cref="InvalidOperationException">redis-server is not installed or does not start.</exception>
    public static Task<RedisServer> StartAsync(params string[] arguments) => StartAsync(null, arguments);

    /// <summary>Starts a server that asks for a password, and waits until it answers.</summary>
    /// <exception cref="InvalidOperationException">redis-server is not installed or does not start.</exception>
    public static async Task<RedisServer> StartAsync(string? password, string[] arguments)
    {
        var server = new RedisServer(password is null ? arguments : [.. arguments, "--requirepass", password]) { Password = password };
        try
        {
            await server.OpenAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private protected override ChildProcess Launch(int port)
    {
        string[] arguments =
        [
            "--port", $"{port}", "--bind", "127.0.0.1", "--dir", DataDirectory, "--save", "", "--appendonly", "no", "--daemonize", "no",
            .. _arguments,
        ];
        try
        {
            return ChildProcess.Start("redis-server", arguments);
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidOperationException("redis-server is not installed; this test needs it: apt-get install redis-server", fault);
        }
    }
}

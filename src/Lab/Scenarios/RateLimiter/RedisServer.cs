using System.Net;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>A <c>redis-server</c> of the lab's own: in memory, on loopback, killed at the end.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("tenfold-lab-redis-").FullName;

    private RedisServer(LabClock clock, string program)
    {
        Address = new IPEndPoint(IPAddress.Loopback, ChildProcess.FreePort());
        Process = new ChildProcess(
            clock, "redis-server", [program, "--port", $"{Address.Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _directory], _directory);
    }

    public IPEndPoint Address { get; }

    public ChildProcess Process { get; }

    public static async Task<RedisServer> StartAsync(LabClock clock, CancellationToken cancellationToken)
    {
        var server = new RedisServer(clock, FindProgram());
        try
        {
            await server.Process.StartAsync(server.ReadyAsync, StartLimit, cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public Task RestartAsync(CancellationToken cancellationToken) => Process.RestartAsync(ReadyAsync, StartLimit, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private Task<bool> ReadyAsync(CancellationToken cancellationToken) => ChildProcess.AcceptsAsync(Address, cancellationToken);

    private static string FindProgram() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, "redis-server"))
            .FirstOrDefault(File.Exists)
        ?? throw new LabException("--redis needs redis-server on the PATH; on Debian: apt-get install redis-server.");
}

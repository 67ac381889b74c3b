using System.Net;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>A <c>tenfold up</c> of its own: free ports, a temporary directory, killed and removed at the end.</summary>
internal sealed class LimiterServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(40);

    private readonly string _directory;

    private LimiterServer(LabClock clock, IReadOnlyList<string> command, string? configuration, IReadOnlyDictionary<string, string>? environment)
    {
        _directory = Directory.CreateTempSubdirectory("tenfold-lab-").FullName;
        Http = new IPEndPoint(IPAddress.Loopback, ChildProcess.FreePort());
        Resp = new IPEndPoint(IPAddress.Loopback, ChildProcess.FreePort());
        var arguments = new List<string>(command)
        {
            "up", "--http", $"{Http}", "--resp", $"{Resp}", "--grpc", "127.0.0.1:0", "--data", Path.Combine(_directory, "data"),
        };
        if (configuration is not null)
        {
            var file = Path.Combine(_directory, "tenfold.json");
            File.WriteAllText(file, configuration);
            arguments.AddRange(["--config", file]);
        }

        Process = new ChildProcess(clock, "the server", arguments, _directory, environment);
    }

    public IPEndPoint Http { get; }

    public IPEndPoint Resp { get; }

    public ChildProcess Process { get; }

    /// <summary>Starts one and waits until both faces answer.</summary>
    /// <param name="clock">The run's clock.</param>
    /// <param name="command">The program.</param>
    /// <param name="configuration">The text of its <c>tenfold.json</c>, or null for none.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <param name="environment">Variables set for it, or null for none.</param>
    public static async Task<LimiterServer> StartAsync(
        LabClock clock,
        IReadOnlyList<string> command,
        string? configuration,
        CancellationToken cancellationToken,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var server = new LimiterServer(clock, command, configuration, environment);
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

    private async Task<bool> ReadyAsync(CancellationToken cancellationToken)
    {
        if (!await ChildProcess.AcceptsAsync(Http, cancellationToken) || !await ChildProcess.AcceptsAsync(Resp, cancellationToken))
            return false;
        using var client = new HttpClient { BaseAddress = new Uri($"http://{Http}") };
        try
        {
            using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}

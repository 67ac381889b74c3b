using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>A real <c>tenfold up</c> in a process of its own, on free ports, with the rules that the console's tests speak of.</summary>
internal sealed class ConsoleServer : IAsyncDisposable
{
    private const string Rules =
        """
        [
          { "Name": "api-per-user", "Match": { "path": "/api/*" }, "Key": ["user"],
            "Limits": [{ "Algorithm": "token-bucket", "Permits": 5, "Period": "1h" }],
            "Overrides": [{ "Key": ["vip"], "Permits": 1000000 }] },
          { "Name": "search-by-tenant", "Match": { "path": "/search" }, "Key": ["tenant"],
            "Limits": [{ "Algorithm": "sliding-window-counter", "Permits": 1000, "Period": "1s" }], "WhenUnavailable": "closed" },
          { "Name": "whole-site", "DryRun": true,
            "Limits": [{ "Algorithm": "fixed-window", "Permits": 1000000, "Period": "1h" }] }
        ]
        """;

    private readonly TemporaryDirectory _directory = new();
    private ChildProcess? _process;

    public Uri Address { get; private set; } = null!;

    public string DataDirectory => Path.Combine(_directory.Path, "data");

    public HttpClient Client { get; } = new();

    /// <summary>Starts a server.</summary>
    /// <param name="server">The section <c>Tenfold:Server</c> of its configuration, as JSON.</param>
    public static async Task<ConsoleServer> StartAsync(string server = "{}")
    {
        var started = new ConsoleServer();
        var file = Path.Combine(started._directory.Path, "tenfold.json");
        await File.WriteAllTextAsync(file, $$"""{ "Tenfold": { "Server": {{server}}, "RateLimiting": { "Rules": {{Rules}} } } }""");
        started._process = ChildProcess.Start(
            Path.Combine(AppContext.BaseDirectory, "tenfold"),
            ["up", "--config", file, "--data", started.DataDirectory, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--resp", "127.0.0.1:0"],
            workingDirectory: started._directory.Path);
        var line = await started._process.WaitForLineAsync("console ");
        started.Address = new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1].TrimEnd('/') + "/");
        started.Client.BaseAddress = started.Address;
        return started;
    }

    /// <summary>The process keeps its sockets and answers nothing.</summary>
    public void Pause() => _process!.Pause();

    public void Resume() => _process!.Resume();

    /// <summary>Asks for decisions, as many as told and no more; a few users ask for much more than their limit.</summary>
    public async Task AskAsync(int requests, CancellationToken cancellationToken)
    {
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i <= requests && !cancellationToken.IsCancellationRequested; i = Interlocked.Increment(ref next))
            {
                var path = i % 3 == 0 ? $"path=/search&tenant=tenant-{i % 7}" : $"path=/api/orders&user={(i % 2 == 0 ? "greedy" : $"user-{i % 50}")}";
                using var answer = await Client.GetAsync(new Uri($"api/rate-limiter/acquire?{path}", UriKind.Relative), cancellationToken);
                Assert.True((int)answer.StatusCode is 200 or 429, $"{answer.StatusCode}");
            }
        }));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_process is not null)
        {
            _process.Resume();
            await _process.DisposeAsync();
        }

        _directory.Dispose();
    }
}

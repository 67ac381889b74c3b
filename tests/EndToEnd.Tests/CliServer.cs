using System.Globalization;
using System.Net;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>A <c>tenfold up</c> on free ports over a directory of its own.</summary>
internal sealed class CliServer : IAsyncDisposable
{
    private CliServer(ChildProcess process) => Process = process;

    public ChildProcess Process { get; }

    public HttpClient Http { get; private set; } = null!;

    public IPEndPoint Grpc { get; private set; } = null!;

    public IPEndPoint Resp { get; private set; } = null!;

    /// <summary>The arguments of <c>up</c> with every port chosen by the system, and more.</summary>
    public static string[] Arguments(params string[] more) =>
        ["up", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--resp", "127.0.0.1:0", .. more];

    /// <summary>Starts it in a directory, and reads its addresses from what it prints.</summary>
    public static async Task<CliServer> StartAsync(string directory, params string[] more)
    {
        var process = ChildProcess.Start(CliProgram.File, Arguments(more), workingDirectory: directory);
        var server = new CliServer(process);
        try
        {
            await process.WaitForLineAsync("Stop with Ctrl+C.");
            server.Http = new HttpClient { BaseAddress = new Uri(server.Printed("console")) };
            server.Grpc = IPEndPoint.Parse(server.Printed("grpc")["http://".Length..]);
            server.Resp = IPEndPoint.Parse(server.Printed("redis"));
            return server;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the greeting says of an address or a place.</summary>
    public string Printed(string name) =>
        Process.Output.Split('\n').Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).First(w => w.Length > 1 && w[0] == name)[1];

    /// <summary>Asks for one decision.</summary>
    public Task<HttpResponseMessage> AskAsync(string user) =>
        Http.GetAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"/api/rate-limiter/acquire?path=/api/orders&user={user}"), UriKind.Relative), TestContext.Current.CancellationToken);

    /// <summary>The status of a GET.</summary>
    public async Task<HttpStatusCode> StatusAsync(string path)
    {
        using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        await Process.DisposeAsync();
    }
}

/// <summary>One server for every test that only asks it something, and the directory with its <c>tenfold.json</c>.</summary>
public sealed class CliServerFixture : IAsyncLifetime
{
    /// <summary>How many requests the rule of <c>tenfold.json</c> grants a user.</summary>
    internal const int Permits = 5;

    private readonly TemporaryDirectory _directory = new();

    internal string Directory => _directory.Path;

    internal string Data => Path.Combine(Directory, "data");

    internal CliServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(Directory, "tenfold.json"), Configuration(Permits));
        Server = await CliServer.StartAsync(Directory, "--data", Data);
    }

    public async ValueTask DisposeAsync()
    {
        if (Server is not null)
            await Server.DisposeAsync();
        _directory.Dispose();
    }

    internal static string Configuration(int permits) =>
        $$"""
        {
          "Tenfold": {
            "RateLimiting": {
              "Recording": { "Enabled": true },
              "Rules": [{
                "Name": "api-per-user", "Match": { "path": "/api/*" }, "Key": ["user"],
                "Limits": [{ "Algorithm": "token-bucket", "Permits": {{permits}}, "Period": "1h" }]
              }]
            }
          }
        }
        """;

    /// <summary>Runs a command in the directory of the server's <c>tenfold.json</c>.</summary>
    internal Task<CliResult> RunAsync(params string[] arguments) => CliProgram.RunAsync(Directory, arguments);
}

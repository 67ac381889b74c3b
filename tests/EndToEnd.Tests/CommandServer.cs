using System.Net;
using System.Text.Json;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The built <c>tenfold</c> as a user runs it: <c>up</c> in a process of its own, and other commands beside it.</summary>
internal sealed class CommandServer : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private CommandServer(ChildProcess process, string directory, Uri address)
    {
        (_process, Directory) = (process, directory);
        Client = new HttpClient { BaseAddress = address };
    }

    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "tenfold");

    public string Directory { get; }

    public HttpClient Client { get; }

    public ChildProcess Process => _process;

    /// <summary>Starts <c>tenfold up</c> in a directory, on ports that the system chooses, and reads its address from what it prints.</summary>
    public static async Task<CommandServer> StartAsync(string directory, params string[] arguments)
    {
        var process = ChildProcess.Start(
            Program, ["up", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--resp", "127.0.0.1:0", .. arguments], workingDirectory: directory);
        try
        {
            await process.WaitForLineAsync("Stop with Ctrl+C.");
            var line = await process.WaitForLineAsync("  console ");
            return new CommandServer(process, directory, new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string directory, params string[] arguments)
    {
        await using var process = ChildProcess.Start(Program, arguments, workingDirectory: directory);
        var exitCode = await process.WaitForExitAsync();
        return (exitCode, process.Output);
    }

    public static async Task<JsonElement> JsonAsync(string directory, params string[] arguments)
    {
        var (_, output) = await RunAsync(directory, arguments);
        return JsonSerializer.Deserialize<JsonElement>(output);
    }

    public async Task<HttpStatusCode> StatusAsync(string path)
    {
        using var answer = await Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
    }
}

using System.Text.Json;

namespace Tenfold.Testing;

/// <summary>Microsoft Garnet as the .NET tool of <c>.config/dotnet-tools.json</c>, with Lua scripts on (they are off by default).</summary>
/// <remarks>The tool's assembly is started itself, not through <c>dotnet tool run</c>, so that kill and pause reach the server.</remarks>
public sealed class GarnetServer : RespServer
{
    private readonly string _assembly;
    private readonly string[] _arguments;

    private GarnetServer(string assembly, string[] arguments)
    {
        _assembly = assembly;
        _arguments = arguments;
    }

    /// <summary>Restores the tool where it is missing, starts a server and waits until it answers.</summary>
    /// <exception cref="InvalidOperationException">The tool cannot be restored or does not start.</exception>
    public static async Task<GarnetServer> StartAsync(params string[] arguments)
    {
        var server = new GarnetServer(await FindAssemblyAsync(), arguments);
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

    // Transaction mode locks a script's keys for its whole run: without it two scripts on one key interleave.
    private protected override ChildProcess Launch(int port) =>
        ChildProcess.Start(
            "dotnet",
            [
                _assembly, "--port", $"{port}", "--bind", "127.0.0.1", "--lua", "--lua-transaction-mode", "--memory", "64m", "--index", "8m",
                "--checkpointdir", DataDirectory, .. _arguments,
            ],
            workingDirectory: DataDirectory);

    private static async Task<string> FindAssemblyAsync()
    {
        var root = RepositoryRoot();
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(root, ".config", "dotnet-tools.json")));
        var version = manifest.RootElement.GetProperty("tools").GetProperty("garnet-server").GetProperty("version").GetString()!;
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var assembly = Path.Combine(packages, "garnet-server", version, "tools", "net10.0", "any", "GarnetServer.dll");
        if (File.Exists(assembly))
            return assembly;

        await using var restore = ChildProcess.Start("dotnet", ["tool", "restore"], workingDirectory: root);
        if (await restore.WaitForExitAsync(TimeSpan.FromMinutes(5)) != 0 || !File.Exists(assembly))
            throw new InvalidOperationException($"garnet-server {version} could not be restored; run 'dotnet tool restore' in {root}:\n{restore.Output}");
        return assembly;
    }

    private static string RepositoryRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Tenfold.slnx")))
                return directory.FullName;
        }

        throw new InvalidOperationException($"No Tenfold.slnx above {AppContext.BaseDirectory}: run the tests from a clone.");
    }
}

using System.Runtime.CompilerServices;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: the committed bundle is what the committed sources build, to the byte.</summary>
public sealed class ConsoleBundleTests
{
    [Fact]
    public async Task The_sources_build_the_committed_bundle()
    {
        var sources = Path.GetFullPath(Path.Combine(ThisFolder(), "../../src/Server/Console/web"));
        if (!Directory.Exists(Path.Combine(sources, "node_modules")))
            await RunAsync(sources, "ci", "--no-audit", "--no-fund");
        await RunAsync(sources, "run", "check");
    }

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    private static async Task RunAsync(string directory, params string[] arguments)
    {
        await using var npm = ChildProcess.Start("npm", arguments, workingDirectory: directory);
        var code = await npm.WaitForExitAsync(TimeSpan.FromMinutes(5));
        Assert.True(code == 0, $"npm {string.Join(' ', arguments)} ended with {code}:\n{npm.Output}");
    }
}

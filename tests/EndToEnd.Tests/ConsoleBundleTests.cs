using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: the committed bundle is what the committed sources build, to the byte.</summary>
public sealed class ConsoleBundleTests
{
    [Fact]
    public async Task The_sources_build_the_committed_bundle()
    {
        Assert.True(
            Directory.Exists(Path.Combine(ConsoleSources.Folder, "node_modules")),
            $"The console's packages are not installed: run 'npm ci' in {ConsoleSources.Folder}, or ./test, which does.");
        await using var npm = ChildProcess.Start("npm", ["run", "check"], workingDirectory: ConsoleSources.Folder);
        var code = await npm.WaitForExitAsync(TimeSpan.FromMinutes(5));
        Assert.True(code == 0, $"npm run check ended with {code}:\n{npm.Output}");
    }
}

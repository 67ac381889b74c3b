using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>Runs programs that nobody here wrote, and says how to install one that is missing.</summary>
internal static class RespTools
{
    /// <summary>Runs a program of a Debian package to its end and returns what it wrote.</summary>
    public static async Task<string> RunAsync(string program, string package, params string[] arguments)
    {
        ChildProcess child;
        try
        {
            child = ChildProcess.Start(program, arguments);
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidOperationException($"{program} is missing: apt-get install {package}", fault);
        }

        await using (child)
        {
            var code = await child.WaitForExitAsync(TimeSpan.FromSeconds(60));
            Assert.True(code == 0, $"{program} ended with {code}:\n{child.Output}");
            return child.Output;
        }
    }

    /// <summary>Runs a script of tests/RateLimiting.Tests/clients with Node.js and the packages of its lock file.</summary>
    public static Task<string> RunNodeAsync(string script, params string[] arguments)
    {
        var clients = Path.Combine(Root(), "tests", "RateLimiting.Tests", "clients");
        if (!Directory.Exists(Path.Combine(clients, "node_modules")))
            throw new InvalidOperationException("The Node.js clients are missing: npm ci --prefix tests/RateLimiting.Tests/clients");
        return RunAsync("node", "nodejs npm", [Path.Combine(clients, script), .. arguments]);
    }

    /// <summary>The checkout's root.</summary>
    public static string Root()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Tenfold.slnx")))
                return folder;
        }

        throw new InvalidOperationException($"No Tenfold.slnx above {AppContext.BaseDirectory}: run the tests from a checkout.");
    }
}

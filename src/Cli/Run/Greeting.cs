using Tenfold.Cli.CommandLine;
using Tenfold.Server;
using Tenfold.Server.Configuration;
using Tenfold.Server.Lifetime;
using Tenfold.Server.Listening;

namespace Tenfold.Cli.Run;

/// <summary>What <c>up</c> says once it is up: every address, where the data is, and what to try next.</summary>
internal static class Greeting
{
    private const string FirstRule = "Tenfold:RateLimiting:Rules:0";

    public static void Write(WebApplication app, BoundAddresses addresses, DataDirectory data)
    {
        Terminal.WriteLine($"Tenfold {TenfoldHost.Version} is up.");
        Terminal.WriteLine();
        Row("console", addresses.Http);
        foreach (var (protocol, address) in addresses.All)
            Row(protocol, protocol == "http" ? $"{address}/api" : address);
        Row("data", $"{data.Path} (kept)");
        Row("settings", ConfigurationFile(app) ?? "defaults (there is no tenfold.json here; 'tenfold config defaults' writes one)");
        Terminal.WriteLine();
        foreach (var line in Next(app, addresses.Http))
            Terminal.WriteLine(line);
        Terminal.WriteLine("Stop with Ctrl+C.");
    }

    private static IEnumerable<string> Next(WebApplication app, string http)
    {
        if (!app.Services.GetServices<ITenfoldSystem>().Any(s => s.Name == "rate-limiter"))
            yield break;
        if (app.Configuration[$"{FirstRule}:Name"] == "demo")
        {
            yield return "Try it. Five requests in ten seconds pass, the sixth is told when to come back:";
            yield return $"  curl -i '{http}/api/rate-limiter/acquire?path=/demo&user=alice'";
        }
        else
        {
            yield return "Try it with a limit of your own. Five requests in ten seconds pass, the sixth is told when to come back:";
            yield return $"  curl -i '{http}/api/rate-limiter/acquire?key=alice&limit=5/10s'";
        }

        yield return "";
    }

    private static string? ConfigurationFile(WebApplication app) =>
        app.Services.GetRequiredService<TenfoldConfiguration>().File?.FilePath;

    private static void Row(string name, string value) => Terminal.WriteLine($"  {name,-9} {value}");
}

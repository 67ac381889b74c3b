using System.Globalization;
using System.Text.Json;
using Tenfold.Cli.CommandLine;

namespace Tenfold.Cli.Run;

/// <summary><c>tenfold status</c>: what a running server says of itself and its systems.</summary>
internal static class StatusCommand
{
    public static TenfoldCommand Create()
    {
        var (server, key, data, json) = (CommonOptions.Server(), CommonOptions.Key(), CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("status", "Show a running server: its systems, their health and first figures.", CommandGroup.Run) { server, key, data, json };
        command.Examples.Add(("tenfold status", "the server over .tenfold here"));
        command.Examples.Add(("tenfold status --json", "the same for a script; exit code 1 when a system is unhealthy"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), parsed.GetValue(data)!);
            var info = await client.GetAsync("/api/info", cancellationToken);
            var systems = await client.GetAsync("/api/systems", cancellationToken);
            if (parsed.GetValue(json))
                Terminal.WriteJson(new { server = info, systems });
            else
                Write(client.Address, info, systems);
            return systems.EnumerateArray().Any(s => s.GetProperty("health").GetString() == "unhealthy") ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    private static void Write(string address, JsonElement info, JsonElement systems)
    {
        Terminal.WriteLine($"Tenfold {info.GetProperty("version")} at {address}, since {info.GetProperty("startedAt").GetDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}");
        Terminal.WriteLine($"data {info.GetProperty("dataDirectory")}");
        Terminal.WriteLine();
        Terminal.WriteTable(["SYSTEM", "HEALTH", "ENGINE", "FIGURES"], systems.EnumerateArray().Select(system => (IReadOnlyList<string>)
        [
            system.GetProperty("name").GetString()!,
            system.GetProperty("health").GetString()!,
            system.GetProperty("engine").GetString()!,
            string.Join(", ", system.GetProperty("figures").EnumerateArray().Select(Figure)),
        ]));
        foreach (var system in systems.EnumerateArray())
        {
            if (system.GetProperty("detail").GetString() is { Length: > 0 } detail)
                Terminal.WriteLine($"{system.GetProperty("name")}: {detail}");
        }
    }

    private static string Figure(JsonElement figure)
    {
        var (name, value, unit) = (figure.GetProperty("name").GetString(), figure.GetProperty("value").GetDouble(), figure.GetProperty("unit").GetString());
        var number = value.ToString(Math.Abs(value) >= 100 ? "N0" : "0.###", CultureInfo.InvariantCulture);
        // A unit in braces only annotates a count (UCUM): the name says it already.
        return unit is null or "" or "1" or ['{', ..] ? $"{name} {number}" : $"{name} {number} {unit}";
    }
}

using System.CommandLine;
using Tenfold.Cli.CommandLine;
using Tenfold.Cli.Run;
using Tenfold.Server;
using Tenfold.Server.Authentication;
using Tenfold.Server.Configuration;

namespace Tenfold.Cli.Configure;

/// <summary><c>tenfold config</c>: settings, checked before they matter.</summary>
internal static class ConfigCommand
{
    public static TenfoldCommand Create() =>
        new("config", "Check the settings, show every default, explain what is in effect, make a key.", CommandGroup.Configure)
        {
            Check(),
            Defaults(),
            Explain(),
            Key(),
            Schema(),
        };

    private static TenfoldCommand Check()
    {
        var (options, json) = (new UpOptions(), CommonOptions.Json());
        var command = new TenfoldCommand("check", "List every fault of the configuration at once; exit code 2 when there is one.") { json };
        options.AddTo(command);
        command.Examples.Add(("tenfold config check --config tenfold.json", "before it is deployed"));
        command.SetAction(async (parsed, _) =>
        {
            IReadOnlyList<string> faults = [];
            try
            {
                await using var app = TenfoldHost.Build(options.Read(parsed));
            }
            catch (ConfigurationFaultsException e)
            {
                faults = e.Faults;
            }

            if (parsed.GetValue(json))
                Terminal.WriteJson(new { faults });
            else if (faults.Count == 0)
                Terminal.WriteLine("The configuration has no fault.");
            foreach (var fault in parsed.GetValue(json) ? [] : faults)
                Terminal.WriteLine(fault);
            return faults.Count == 0 ? ExitCode.Ok : ExitCode.Usage;
        });
        return command;
    }

    private static TenfoldCommand Defaults()
    {
        var json = new Option<bool>("--json") { Description = "without comments" };
        var command = new TenfoldCommand("defaults", "Write a tenfold.json with every setting at its default, each explained.") { json };
        command.Examples.Add(("tenfold config defaults > tenfold.json", "a file to start from"));
        command.SetAction(parsed =>
        {
            Console.Out.Write(DefaultConfiguration.Write(comments: !parsed.GetValue(json)));
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Explain()
    {
        var (options, json) = (new UpOptions(), CommonOptions.Json());
        var path = new Argument<string?>("PATH") { Arity = ArgumentArity.ZeroOrOne, Description = "only settings whose path holds this text" };
        var command = new TenfoldCommand("explain", "Show every setting in effect, who set it, and what it means; secrets are masked.") { path, json };
        options.AddTo(command);
        command.Examples.Add(("tenfold config explain Drain", "what the drain settings are and mean"));
        command.SetAction(async (parsed, _) =>
        {
            await using var app = TenfoldHost.Build(options.Read(parsed));
            var settings = ConfigurationReport.Of(app.Services.GetRequiredService<TenfoldConfiguration>().Root)
                .Where(s => parsed.GetValue(path) is not { } wanted || s.Path.Contains(wanted, StringComparison.OrdinalIgnoreCase)).ToList();
            if (settings.Count == 0)
                throw new CommandFailure(ExitCode.Usage, $"no setting has '{parsed.GetValue(path)}' in its path: 'tenfold config explain' lists all.");
            var meanings = OptionsCatalog.Defaults().ToDictionary(d => d.Path, d => SettingText.Of(d.Property), StringComparer.OrdinalIgnoreCase);
            if (parsed.GetValue(json))
                Terminal.WriteJson(settings.Select(s => new { s.Path, s.Value, s.Source, meaning = meanings.GetValueOrDefault(s.Path) }));
            else
                settings.ForEach(s => Write(s, meanings.GetValueOrDefault(s.Path)));
            return ExitCode.Ok;
        });
        return command;
    }

    private static void Write(SettingInEffect setting, string? meaning)
    {
        Terminal.WriteLine($"{setting.Path} = {setting.Value ?? "(not set)"}   [{setting.Source}]");
        if (!string.IsNullOrEmpty(meaning))
            Terminal.WriteLine($"    {meaning}");
    }

    private static TenfoldCommand Key()
    {
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "who will use it (default: caller)", DefaultValueFactory = _ => "caller" };
        var scopes = new Option<string>("--scopes") { HelpName = "LIST", Description = "read, write, admin (default: read,write)", DefaultValueFactory = _ => "read,write" };
        var tenant = new Option<string?>("--tenant") { HelpName = "TENANT", Description = "the one tenant that it speaks for" };
        var json = CommonOptions.Json();
        var command = new TenfoldCommand("key", "Make an API key, and the entry that lets it in.") { name, scopes, tenant, json };
        command.Examples.Add(("tenfold config key --name gateway --scopes write", "a key for a gateway that asks for decisions"));
        command.SetAction(parsed =>
        {
            var held = parsed.GetValue(scopes)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (held.Length == 0 || held.FirstOrDefault(s => !Scope.All.Contains(s, StringComparer.Ordinal)) is not null)
                throw new CommandFailure(ExitCode.Usage, $"--scopes {parsed.GetValue(scopes)}: must be some of {string.Join(", ", Scope.All)}");
            var (secret, sha256) = ApiKeyTable.Create();
            var entry = new { Name = parsed.GetValue(name), Sha256 = sha256, Scopes = held, Tenant = parsed.GetValue(tenant) };
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(new { key = secret, entry });
                return ExitCode.Ok;
            }

            Terminal.WriteLine($"Key (shown once, kept nowhere): {secret}");
            Terminal.WriteLine("Put this into the list Tenfold:Server:ApiKeys of tenfold.json:");
            var tenantText = entry.Tenant is null ? "" : $", \"Tenant\": {System.Text.Json.JsonSerializer.Serialize(entry.Tenant)}";
            Terminal.WriteLine($"  {{ \"Name\": {System.Text.Json.JsonSerializer.Serialize(entry.Name)}, \"Sha256\": \"{sha256}\", \"Scopes\": [{string.Join(", ", held.Select(s => $"\"{s}\""))}]{tenantText} }}");
            Terminal.WriteLine("Callers then send it as 'Authorization: Bearer KEY'.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Schema()
    {
        var command = new TenfoldCommand("schema", "Write the JSON schema of tenfold.json, so that an editor completes and checks it.");
        command.Examples.Add(("tenfold config schema > tenfold.schema.json", "then start tenfold.json with \"$schema\": \"./tenfold.schema.json\""));
        command.SetAction(_ =>
        {
            Terminal.WriteJson(ConfigurationSchema.Create());
            return ExitCode.Ok;
        });
        return command;
    }
}

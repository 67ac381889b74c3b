using Microsoft.Extensions.Configuration.Memory;

namespace Tenfold.Server.Configuration;

/// <summary>The configuration as Tenfold's own sources make it, without what .NET's hosting adds of its own.</summary>
/// <param name="Root">All settings.</param>
/// <param name="File">The file that was read, or null.</param>
internal sealed record TenfoldConfiguration(IConfigurationRoot Root, WatchedFile? File);

/// <summary>Stacks the sources of the configuration, lowest first: demo rule, file, environment, command line.</summary>
internal static class ConfigurationSources
{
    public const string DefaultFile = "tenfold.json";

    /// <summary>A rule to try out with the first curl: five requests in ten seconds a user, on a path that no service has.</summary>
    private static readonly Dictionary<string, string?> Demo = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Tenfold:RateLimiting:Rules:0:Name"] = "demo",
        ["Tenfold:RateLimiting:Rules:0:Match:path"] = "/demo",
        ["Tenfold:RateLimiting:Rules:0:Key:0"] = "user",
        ["Tenfold:RateLimiting:Rules:0:Limits:0:Permits"] = "5",
        ["Tenfold:RateLimiting:Rules:0:Limits:0:Period"] = "10s",
    };

    /// <summary>Reads every source.</summary>
    /// <exception cref="ConfigurationFaultsException">The file is missing or is no JSON.</exception>
    public static TenfoldConfiguration Read(HostSettings settings)
    {
        var builder = new ConfigurationBuilder();
        var file = FindFile(settings);
        var environment = FromEnvironment(settings);
        var rulesAreSet = environment.Concat(settings.CommandLine)
            .Any(p => p.Key.StartsWith("Tenfold:RateLimiting:Rules", StringComparison.OrdinalIgnoreCase));
        WatchedFile? watched = null;
        try
        {
            if (file is null && settings.DemoRule && !rulesAreSet)
                builder.Add(new NamedMemorySource("demo rule", Demo));
            if (file is not null)
                builder.Add(watched = new WatchedFile(file));
            builder.Add(new NamedMemorySource("environment", environment));
            builder.Add(new NamedMemorySource("command line", settings.CommandLine));
            return new TenfoldConfiguration(builder.Build(), watched);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationFaultsException([$"{file}: {e.Message}"], e);
        }

    }

    private static string? FindFile(HostSettings settings)
    {
        var path = Path.GetFullPath(settings.ConfigurationFile ?? DefaultFile, settings.WorkingDirectory);
        if (File.Exists(path))
            return path;
        return settings.ConfigurationFile is null
            ? null
            : throw new ConfigurationFaultsException([$"--config = {settings.ConfigurationFile}: there is no such file"]);
    }

    private static Dictionary<string, string?> FromEnvironment(HostSettings settings)
    {
        var variables = settings.Environment ?? System.Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value, StringComparer.Ordinal);
        return variables
            .Where(v => v.Key.StartsWith("TENFOLD__", StringComparison.OrdinalIgnoreCase) || v.Key.StartsWith("Logging__", StringComparison.OrdinalIgnoreCase))
            .GroupBy(v => v.Key.Replace("__", ":", StringComparison.Ordinal), StringComparer.OrdinalIgnoreCase)
            .ToDictionary(g => g.Key, g => g.Last().Value, StringComparer.OrdinalIgnoreCase);
    }
}

/// <summary>A source in memory that knows what people call it.</summary>
internal sealed class NamedMemorySource(string name, IEnumerable<KeyValuePair<string, string?>> values) : IConfigurationSource
{
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new Provider(name, new MemoryConfigurationSource { InitialData = values });

    private sealed class Provider(string name, MemoryConfigurationSource source) : MemoryConfigurationProvider(source)
    {
        public override string ToString() => name;
    }
}

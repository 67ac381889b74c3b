namespace Tenfold.Server;

/// <summary>From what <see cref="TenfoldHost.Build"/> takes its configuration, lowest first: file, environment, command line.</summary>
public sealed class HostSettings
{
    /// <summary>The configuration file; it must exist. Null takes <c>tenfold.json</c> of the working directory where there is one.</summary>
    public string? ConfigurationFile { get; init; }

    /// <summary>Against which relative paths are read.</summary>
    public string WorkingDirectory { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>What the command line set: configuration path to value.</summary>
    public IReadOnlyDictionary<string, string?> CommandLine { get; init; } = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The environment; null takes this process's. Names that start with <c>TENFOLD__</c> or <c>Logging__</c> count.</summary>
    public IReadOnlyDictionary<string, string?>? Environment { get; init; }

    /// <summary>Whether a rule to try out is added when no file is read and no rule is set. Default: yes.</summary>
    public bool DemoRule { get; init; } = true;

    /// <summary>Changes the host just before it is built: another clock, more systems, other endpoints.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }
}

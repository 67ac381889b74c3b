using System.CommandLine;

namespace Tenfold.Cli.CommandLine;

/// <summary>Options that several commands share, so that they are spelled and explained once.</summary>
internal static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "write JSON for programs instead of text for people" };

    public static Option<string?> Config() => new("--config") { HelpName = "FILE", Description = "the configuration (default: tenfold.json, where there is one)" };

    public static Option<string> Data() => new("--data")
    {
        HelpName = "DIR",
        Description = "the data directory (default: .tenfold)",
        DefaultValueFactory = _ => ".tenfold",
    };

    public static Option<string?> Server() => new("--server")
    {
        HelpName = "URL",
        Description = "the running server (default: the one over the data directory, else http://127.0.0.1:7070)",
    };

    public static Option<string?> Key() => new("--key")
    {
        HelpName = "KEY",
        Description = "the key to call it with (better: the variable TENFOLD_API_KEY, which other users cannot see)",
    };
}

using System.CommandLine;

namespace Tenfold.Cli.CommandLine;

/// <summary>A command that teaches: it belongs to a group, and its help ends with examples that can be pasted.</summary>
internal class TenfoldCommand : Command
{
    public TenfoldCommand(string name, string description, string? group = null)
        : base(name, description) => Group = group;

    /// <summary>Under which heading the command stands in the overview.</summary>
    public string? Group { get; }

    /// <summary>Command lines with what they do.</summary>
    public IList<(string Line, string What)> Examples { get; } = [];
}

/// <summary>The groups, in the order in which a new user needs them.</summary>
internal static class CommandGroup
{
    public const string Run = "run";
    public const string Prove = "prove";
    public const string Grow = "grow";
    public const string Configure = "configure";

    public static readonly (string Name, string What)[] All =
    [
        (Run, "start it, look at it"),
        (Prove, "real load, real faults, promises checked"),
        (Grow, "what more load takes and costs"),
        (Configure, "settings, checked before they matter"),
    ];
}

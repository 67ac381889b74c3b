using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Text;

namespace Tenfold.Cli.CommandLine;

/// <summary>Writes a command's help: what it does, how it is written, its parts, examples.</summary>
internal sealed class HelpText : SynchronousCommandLineAction
{
    private const int Width = 26;

    /// <summary>Puts this help in the place of the library's.</summary>
    public static void Install(RootCommand root) => root.Options.OfType<HelpOption>().Single().Action = new HelpText();

    /// <summary>The words that call a command: <c>tenfold lab run</c>.</summary>
    public static string PathOf(Command command)
    {
        var words = new List<string>();
        for (Command? at = command; at is not null; at = at.Parents.OfType<Command>().FirstOrDefault())
            words.Insert(0, at is RootCommand ? "tenfold" : at.Name);
        return string.Join(' ', words);
    }

    /// <summary>Whether the line asks for help, whatever else it holds.</summary>
    public static bool IsAskedFor(ParseResult parsed) =>
        parsed.RootCommandResult.Command.Options.OfType<HelpOption>().Any(help => parsed.GetResult(help) is { Implicit: false });

    public static int Write(ParseResult parsed)
    {
        parsed.InvocationConfiguration.Output.Write(For(parsed.CommandResult.Command));
        return ExitCode.Ok;
    }

    public override int Invoke(ParseResult parseResult) => Write(parseResult);

    public static string For(Command command)
    {
        var text = new StringBuilder();
        text.AppendLine(command.Description).AppendLine();
        text.AppendLine($"Usage: {Usage(command)}");
        if (command is RootCommand)
            AppendGroups(text, command);
        else if (Visible(command.Subcommands).ToList() is { Count: > 0 } below)
            Append(text, "Commands", below.Select(c => (c.Name, c.Description)));
        Append(text, "Arguments", command.Arguments.Where(a => !a.Hidden).Select(a => ($"{a.HelpName ?? a.Name}", a.Description)));
        Append(text, "Options", command.Options.Where(o => !o.Hidden).Select(o => (Spelling(o), o.Description)));
        if (command is TenfoldCommand { Examples.Count: > 0 } taught)
            Append(text, "Examples", taught.Examples.Select(e => (e.Line, (string?)e.What)));
        if (command is RootCommand)
        {
            text.AppendLine().AppendLine("Start with 'tenfold up'. 'tenfold COMMAND --help' has examples of each command.");
            text.AppendLine("Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 promise broken, 4 missing dependency, 130 interrupted.");
        }

        return text.ToString();
    }

    private static void AppendGroups(StringBuilder text, Command root)
    {
        foreach (var (group, what) in CommandGroup.All)
        {
            var commands = Visible(root.Subcommands).OfType<TenfoldCommand>().Where(c => c.Group == group).Select(c => (c.Name, c.Description));
            Append(text, $"{group} - {what}", commands);
        }
    }

    private static IEnumerable<Command> Visible(IEnumerable<Command> commands) => commands.Where(c => !c.Hidden);

    private static string Usage(Command command)
    {
        var parts = new List<string> { PathOf(command) };
        var needsSubcommand = command.Action is null && command.Subcommands.Count > 0;
        if (needsSubcommand)
            parts.Add("COMMAND");
        parts.AddRange(command.Arguments.Where(a => !a.Hidden).Select(a =>
        {
            var name = a.HelpName ?? a.Name;
            return $"{(a.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name)}{(a.Arity.MaximumNumberOfValues > 1 ? " ..." : "")}";
        }));
        if (command.Options.Any(o => !o.Hidden))
            parts.Add("[options]");
        return string.Join(' ', parts);
    }

    private static string Spelling(Option option)
    {
        var names = string.Join(", ", option.Aliases.Where(a => a.StartsWith('-')).OrderBy(a => a.Length).Append(option.Name));
        return option.ValueType == typeof(bool) || option is HelpOption or VersionOption ? names : $"{names} {option.HelpName ?? "VALUE"}";
    }

    private static void Append(StringBuilder text, string title, IEnumerable<(string Term, string? What)> rows)
    {
        var all = rows.ToList();
        if (all.Count == 0)
            return;
        text.AppendLine().AppendLine($"{char.ToUpperInvariant(title[0])}{title[1..]}:");
        foreach (var (term, what) in all)
        {
            if (term.Length < Width - 1)
                text.AppendLine($"  {term.PadRight(Width)}{what}");
            else
                text.AppendLine($"  {term}").AppendLine($"  {new string(' ', Width)}{what}");
        }
    }
}

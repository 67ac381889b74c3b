using System.CommandLine;
using Tenfold.Cli.CommandLine;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The command teaches itself: help with examples, and a near miss is answered with what was meant.</summary>
public sealed class CliHelpTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_help_of_every_command_has_an_example_that_the_command_itself_accepts()
    {
        var root = TenfoldCommands.Create();
        var leaves = Below(root).Where(c => c.Subcommands.Count == 0).ToList();
        Assert.True(leaves.Count >= 15, $"{leaves.Count} commands");
        Assert.All(leaves, command =>
        {
            Assert.Contains("Examples:", HelpText.For(command), StringComparison.Ordinal);
            foreach (var (line, _) in Assert.IsType<TenfoldCommand>(command).Examples)
            {
                // What follows '>' is for the shell.
                var words = line.Split(" > ")[0].Split(' ')[1..];
                var parsed = root.Parse(words);
                Assert.True(parsed.Errors.Count == 0, $"{line}: {string.Join(' ', parsed.Errors.Select(e => e.Message))}");
                Assert.Same(command, parsed.CommandResult.Command);
            }
        });
    }

    [Fact]
    public async Task Help_is_printed_by_the_real_command()
    {
        var overview = (await RunAsync()).Ended(0);
        Assert.All(["up", "status", "lab", "plan", "limits", "config"], name => Assert.Matches($@"(?m)^  {name} ", overview.Output));
        Assert.Contains("Start with 'tenfold up'", overview.Output, StringComparison.Ordinal);
        var up = (await RunAsync("up", "--help")).Ended(0);
        Assert.Contains("Usage: tenfold up [options]", up.Output, StringComparison.Ordinal);
        Assert.Contains("Examples:\n  tenfold up", up.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("statsu", "'tenfold' has no 'statsu'; did you mean 'status'?")]
    [InlineData("config chek", "'tenfold config' has no 'chek'; did you mean 'check'?")]
    [InlineData("up --htp 127.0.0.1:0", "'tenfold up' has no '--htp'; did you mean '--http'?")]
    public async Task A_near_miss_is_told_what_was_meant_and_nothing_else(string line, string answer)
    {
        var result = (await RunAsync(line.Split(' '))).Ended(2);
        var lines = result.Output.Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Equal($"tenfold: {answer}", lines[0]);
        Assert.EndsWith("--help'.", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("limits test", "NAME=VALUE")]
    [InlineData("limits test alice", "alice: write NAME=VALUE")]
    [InlineData("up --only nosuch", "rate-limiter")]
    [InlineData("config key --scopes nosuch", "read, write, admin")]
    public async Task A_wrong_value_is_a_usage_error_that_says_what_is_right(string line, string answer)
    {
        var result = (await RunAsync(line.Split(' '))).Ended(2);
        Assert.Contains(answer, result.Output, StringComparison.Ordinal);
    }

    private static IEnumerable<Command> Below(Command command) => command.Subcommands.SelectMany(c => Below(c).Prepend(c));

    private Task<CliResult> RunAsync(params string[] arguments) => CliProgram.RunAsync(_directory.Path, arguments);
}

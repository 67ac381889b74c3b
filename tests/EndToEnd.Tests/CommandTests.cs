using System.Text.RegularExpressions;
using Tenfold.Cli.CommandLine;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The commands that need no server: what they print, and the exit codes that scripts rely on.</summary>
public sealed partial class CommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Help_teaches_in_groups_and_names_the_exit_codes()
    {
        var (exitCode, help) = await RunAsync("--help");
        Assert.Equal(0, exitCode);
        Assert.Equal(
            """
            Tenfold: the systems that every growing product needs, for .NET, the same code at every size.

            Usage: tenfold [options]

            Run - start it, look at it:
              up                        Start the server and print where it listens.
              status                    Show a running server: its systems, their health and first figures.
              open                      Open the console of a running server in the browser.

            Prove - real load, real faults, promises checked:
              lab                       Drive real load and real faults at a running system and check its promises.
              doctor                    Check what this machine has and lacks; exit code 4 when something needed is missing.

            Grow - what more load takes and costs:
              plan                      Turn what the lab measured into a fleet and a monthly bill, line by line.

            Configure - settings, checked before they matter:
              limits                    Ask the rate limiter's rules: test a request, ask why, see the top keys, replay traffic.
              config                    Check the settings, show every default, explain what is in effect, make a key.

            Options:
              -h, -?, --help            Show help and usage information
              --version                 Show version information

            Start with 'tenfold up'. 'tenfold COMMAND --help' has examples of each command.
            Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 promise broken, 4 missing dependency, 130 interrupted.
            """,
            help.TrimEnd());
        Assert.Equal(help, (await RunAsync()).Output);
    }

    [Theory]
    [InlineData("up")]
    [InlineData("status")]
    [InlineData("open")]
    [InlineData("lab")]
    [InlineData("lab rate-limiter")]
    [InlineData("lab list")]
    [InlineData("lab compare")]
    [InlineData("lab replay")]
    [InlineData("doctor")]
    [InlineData("plan")]
    [InlineData("config check")]
    [InlineData("config defaults")]
    [InlineData("config explain")]
    [InlineData("config key")]
    [InlineData("config schema")]
    [InlineData("limits test")]
    [InlineData("limits why")]
    [InlineData("limits top")]
    [InlineData("limits replay")]
    public async Task Every_command_has_an_example_that_is_understood(string command)
    {
        var (exitCode, help) = await RunAsync([.. command.Split(' '), "--help"]);
        Assert.Equal(0, exitCode);
        Assert.StartsWith("Usage: tenfold " + command, help[help.IndexOf("Usage:", StringComparison.Ordinal)..], StringComparison.Ordinal);
        var examples = Example().Matches(help[help.IndexOf("Examples:", StringComparison.Ordinal)..]);
        Assert.NotEmpty(examples);
        foreach (Match example in examples)
        {
            // Parsed, not run: an option or a command that is gone is an error here.
            var line = example.Groups["words"].Value.Split(" > ")[0];
            Assert.Empty(TenfoldCommands.Create().Parse(line).Errors.Select(e => $"tenfold {line}: {e.Message}"));
        }
    }

    [Fact]
    public async Task Config_check_lists_every_fault_and_exits_2()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "tenfold.json"), """
            { "Tenfold": {
                "Server": { "Http": "0.0.0.0:7070", "Htpp": "x", "RequestTimeout": "soon" },
                "RateLimiting": { "Engine": "mysql://db", "Rules": [ { "Name": "r", "Limits": [ { "Permits": 0, "Period": "1 fortnight" } ] } ] } } }
            """, TestContext.Current.CancellationToken);
        var (exitCode, output) = await RunAsync("config", "check");
        Assert.Equal(2, exitCode);
        string[] starts =
        [
            "Tenfold:RateLimiting:Engine = mysql://db: ", "Tenfold:RateLimiting:Rules:0:Limits:0:Period = 1 fortnight: ", "Tenfold:RateLimiting:Rules:0:Limits:0:Permits = 0: ",
            "Tenfold:Server:Htpp = x: is no setting; did you mean 'Http'?", "Tenfold:Server:Http = 0.0.0.0:7070: is reachable from other machines", "Tenfold:Server:RequestTimeout = soon: must be a duration",
        ];
        var lines = output.Split('\n');
        foreach (var start in starts)
            Assert.Single(lines, line => line.StartsWith(start, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);

        // The server refuses the same, in the same words.
        var (refused, startOutput) = await RunAsync("up");
        Assert.Equal(2, refused);
        Assert.All(starts, s => Assert.Contains(s, startOutput, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_is_no_JSON_is_named_with_the_place()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "tenfold.json"), "{ \"Tenfold\": [ }", TestContext.Current.CancellationToken);
        var (exitCode, output) = await RunAsync("up");
        Assert.Equal(2, exitCode);
        Assert.Contains("tenfold.json: ", output, StringComparison.Ordinal);
        Assert.Contains("LineNumber: 0", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Config_defaults_can_be_checked_and_started_from()
    {
        var (_, defaults) = await RunAsync("config", "defaults");
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "tenfold.json"), defaults, TestContext.Current.CancellationToken);
        Assert.Equal((0, "The configuration has no fault."), await RunAsync("config", "check"));
    }

    [Fact]
    public async Task A_key_made_here_opens_a_server_that_others_reach()
    {
        var made = (await CliProgram.RunAsync(_directory.Path, "config", "key", "--name", "ci", "--scopes", "read", "--json")).Json();
        var entry = made.GetProperty("entry").GetRawText();
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "tenfold.json"), $$"""{ "Tenfold": { "Server": { "ApiKeys": [ {{entry}} ] } } }""", TestContext.Current.CancellationToken);
        await using var server = await CliServer.StartAsync(_directory.Path);
        var (without, message) = await RunAsync("status");
        Assert.Equal(1, without);
        Assert.Contains("TENFOLD_API_KEY", message, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("status", "--key", made.GetProperty("key").GetString()!)).ExitCode);
    }

    [Fact]
    public async Task Limits_test_says_which_rules_a_request_meets_and_why()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "tenfold.json"), """
            { "Tenfold": { "RateLimiting": { "Engine": "redis://127.0.0.1:1", "Rules": [
                { "Name": "orders", "Match": { "path": "/api/orders" }, "Key": [ "user" ], "Limits": [ { "Permits": 5, "Period": "1m" } ] },
                { "Name": "posts", "Match": { "method": "POST" }, "Key": [ "user" ], "Limits": [ { "Permits": 5, "Period": "1m" } ] } ] } } }
            """, TestContext.Current.CancellationToken);
        var (admitted, output) = await RunAsync("limits", "test", "path=/api/orders", "method=GET", "user=alice");
        Assert.Equal(0, admitted);
        Assert.Matches(@"^admitted\n +hit +orders: .+\n +miss +posts: .*method.*", output);

        var (rejected, _) = await RunAsync("limits", "test", "path=/api/orders", "user=alice", "--cost", "6");
        Assert.Equal(1, rejected);
        var json = (await CliProgram.RunAsync(_directory.Path, "limits", "test", "path=/api/orders", "user=alice", "--json")).Json();
        Assert.True(json.GetProperty("decision").GetProperty("admitted").GetBoolean());
        Assert.Equal(2, json.GetProperty("rules").GetArrayLength());
    }

    [Theory]
    [InlineData(2, "did you mean 'up'?", "upp")]
    [InlineData(2, "did you mean '--http'?", "up", "--htpp", "127.0.0.1:0")]
    [InlineData(2, "must be address:port", "up", "--http", "nowhere")]
    [InlineData(2, "there is no such file", "up", "--config", "absent.json")]
    [InlineData(2, "write NAME=VALUE", "up", "--set", "nothing")]
    [InlineData(2, "there are rate-limiter", "up", "--only", "rate-limitr")]
    [InlineData(2, "rate-limiter", "plan", "nothing")]
    [InlineData(2, "must be some of read, write, admin", "config", "key", "--scopes", "root")]
    [InlineData(1, "no Tenfold server answers at http://127.0.0.1:1", "limits", "top", "--server", "127.0.0.1:1")]
    [InlineData(1, "'tenfold lab list'", "lab", "replay", "20260101-000000-none-1")]
    public async Task Mistakes_are_answered_in_a_line_or_two(int expected, string says, params string[] arguments)
    {
        var (exitCode, output) = await RunAsync(arguments);
        Assert.Equal(expected, exitCode);
        Assert.Contains(says, output, StringComparison.Ordinal);
        Assert.StartsWith("tenfold: ", output, StringComparison.Ordinal);
        Assert.InRange(output.TrimEnd().Split('\n').Length, 1, 3);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_plan_shows_its_arithmetic_and_says_which_lab_run_it_lacks()
    {
        var (exitCode, table) = await RunAsync("plan", "rate-limiter", "--users", "10M");
        Assert.Equal(0, exitCode);
        Assert.Contains("'tenfold lab rate-limiter' makes", table, StringComparison.Ordinal);
        var json = (await CliProgram.RunAsync(_directory.Path, "plan", "rate-limiter", "--users", "10M", "--json")).Json();
        Assert.True(json.GetProperty("monthlyBill").GetDouble() > 0);
        Assert.Contains(json.GetProperty("lines").EnumerateArray(), l => l.GetProperty("name").GetString() == "users" && l.GetProperty("value").GetDouble() == 10e6);
    }

    [Fact]
    public async Task Doctor_and_lists_are_JSON_for_programs()
    {
        Assert.True((await CliProgram.RunAsync(_directory.Path, "doctor", "--json")).Json().GetProperty("ok").GetBoolean());
        var lab = (await CliProgram.RunAsync(_directory.Path, "lab", "list", "--json")).Json();
        Assert.Contains(lab.GetProperty("scenarios").EnumerateArray(), s => s.GetProperty("name").GetString() == "rate-limiter");
        Assert.Empty(lab.GetProperty("records").EnumerateArray());
        Assert.Contains((await CliProgram.RunAsync(_directory.Path, "config", "explain", "Drain", "--json")).Json().EnumerateArray(), s => s.GetProperty("path").GetString() == "Tenfold:Server:DrainLimit");
        Assert.Equal("object", (await CliProgram.RunAsync(_directory.Path, "config", "schema")).Json().GetProperty("type").GetString());
    }

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        var (exitCode, output) = await CliProgram.RunAsync(_directory.Path, arguments);
        return (exitCode, output.TrimEnd());
    }

    [GeneratedRegex(@"^  tenfold (?<words>\S.*?)(  .*)?$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Example();
}

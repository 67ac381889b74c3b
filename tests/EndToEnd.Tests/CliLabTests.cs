using System.Text.Json;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary><c>tenfold lab</c> and <c>tenfold plan</c>: a real run leaves a record that the plan builds on.</summary>
public sealed class CliLabTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>What must hold on any machine at any load; how much of a limit is used in half a second is the long run's to judge.</summary>
    private static readonly string[] Safety =
    [
        "Never more admitted than the limit allows", "No server error", "Every rejection says when to retry", "A pause of the process loses no request",
        "After kill -9 it serves again",
    ];

    [Fact]
    public async Task A_run_keeps_what_is_safe_leaves_a_record_and_a_report_and_the_plan_uses_it()
    {
        Assert.Contains("No record yet", (await RunAsync("lab", "list", "--data", "data")).Ended(0).Output, StringComparison.Ordinal);
        var run = await RunAsync("lab", "rate-limiter", "--time-scale", "0.05", "--data", "data");

        var list = (await RunAsync("lab", "list", "--json", "--data", "data")).Ended(0).Json();
        var entry = Assert.Single(list.GetProperty("records").EnumerateArray());
        var id = entry.GetProperty("id").GetString()!;
        var verdict = entry.GetProperty("verdict").GetString();
        run.Ended(verdict == "kept" ? 0 : 3);
        Assert.Contains($"Verdict: {verdict}.", run.Output, StringComparison.Ordinal);
        var folder = Path.Combine(_directory.Path, "data", "lab", id);
        using var record = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "record.json"), TestContext.Current.CancellationToken));
        Assert.Equal("rate-limiter", record.RootElement.GetProperty("scenario").GetString());
        var promises = record.RootElement.GetProperty("promises").EnumerateArray().ToList();
        Assert.All(Safety, safe =>
        {
            var promise = Assert.Single(promises, p => p.GetProperty("name").GetString()!.StartsWith(safe, StringComparison.Ordinal));
            Assert.True(promise.GetProperty("kept").GetBoolean(), promise.GetRawText());
        });
        Assert.Equal(verdict == "kept", promises.TrueForAll(p => p.GetProperty("kept").GetBoolean()));
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(folder, "report.html"), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        Assert.Contains(id, (await RunAsync("plan", "rate-limiter", "--users", "10M", "--data", "data")).Ended(0).Output, StringComparison.Ordinal);
        Assert.Contains("FIGURE", (await RunAsync("lab", "compare", id, id, "--data", "data")).Ended(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_shows_its_assumptions_and_needs_no_record()
    {
        var plan = (await RunAsync("plan", "rate-limiter", "--users", "10M", "--data", "data")).Ended(0);
        Assert.Matches(@"users +10,000,000", plan.Output);
        var json = (await RunAsync("plan", "rate-limiter", "--users", "10M", "--data", "data", "--json")).Ended(0).Json();
        Assert.Equal(JsonValueKind.Object, json.ValueKind);
    }

    [Theory]
    [InlineData("plan rate-limiter --set nosuch=1", "'nosuch' is no assumption of rate-limiter. There are: users,")]
    [InlineData("plan rate-limiter --users many", "users = 'many' is no number")]
    [InlineData("plan nosuch", "there is no plan for 'nosuch'")]
    [InlineData("plan rate-limiter --prices none.json", "no price file 'none.json'")]
    public async Task A_bad_assumption_is_a_usage_error(string line, string answer)
    {
        var result = (await RunAsync(line.Split(' '))).Ended(2);
        Assert.Contains(answer, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_that_is_not_there_is_named_with_the_way_to_find_one()
    {
        var result = (await RunAsync("lab", "replay", "nosuch", "--data", "data")).Ended(1);
        Assert.Contains("no lab record 'nosuch'", result.Output, StringComparison.Ordinal);
        Assert.Contains("tenfold lab list", result.Output, StringComparison.Ordinal);
    }

    private Task<CliResult> RunAsync(params string[] arguments) => CliProgram.RunAsync(_directory.Path, arguments);
}

using System.Text.Json;

namespace Tenfold.Lab.Tests;

public sealed class LabRecordTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tenfold-lab").FullName;
    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;

    internal static LabRecord Sample(string id = "20261124-083000-sample-1", bool kept = true, double throughput = 40_000) => new(
        id,
        "sample",
        new DateTimeOffset(2026, 11, 24, 8, 30, 0, TimeSpan.Zero),
        61.5,
        "tenfold lab sample --seed 1",
        1,
        1,
        false,
        new LabMachine(2, 8L << 30, "Linux", ".NET 10"),
        kept ? LabRecord.Kept : LabRecord.Broken,
        [new PromiseResult("nothing lost", true, "1,000 checks held", 1000), new PromiseResult("a <limit> holds", kept, "near: 99 of 100", 5)],
        [
            Phase("http step 1", 0, 1000), Phase("http step 2", 1, 2000),
            Phase("kill & restart", 2, 1500) with { Errors = 12, Series = [new(2, 1500, 0.001), new(2.25, 0, 0, 12), new(2.5, 1500, 1.2)] },
        ],
        [new FaultMark("kill -9", 2.2, 2.45)],
        new Dictionary<string, LabFigure>(StringComparer.Ordinal) { ["throughput"] = new(throughput, "{decision}/s"), ["memory-per-key"] = new(61.4, "By") },
        ["The driver shares the machine."]);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_record_is_read_back_as_it_was_written()
    {
        var store = new LabRecordStore(_directory);
        await store.SaveAsync(Sample(), _cancelled);

        var read = await store.LoadAsync("20261124-083000-sample-1", _cancelled);

        Assert.Equivalent(Sample(), read, strict: true);
        Assert.True(File.Exists(store.ReportPath(read.Id)));
    }

    [Fact]
    public void The_JSON_has_the_names_that_the_console_and_the_planner_read()
    {
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(Sample(), LabJson.Default.LabRecord));
        var record = json.RootElement;

        foreach (var name in (string[])["id", "scenario", "startedAt", "durationSeconds", "command", "machine", "verdict", "promises", "phases", "faults", "figures", "headline"])
            Assert.True(record.TryGetProperty(name, out _), name);
        var phase = record.GetProperty("phases")[2];
        foreach (var name in (string[])["name", "offeredPerSecond", "achievedPerSecond", "latencySeconds", "errors", "series"])
            Assert.True(phase.TryGetProperty(name, out _), name);
        foreach (var name in (string[])["p50", "p90", "p99", "p999", "max"])
            Assert.True(phase.GetProperty("latencySeconds").TryGetProperty(name, out _), name);
        Assert.Equal(61.4, record.GetProperty("figures").GetProperty("memory-per-key").GetProperty("value").GetDouble());
        Assert.Equal("By", record.GetProperty("figures").GetProperty("memory-per-key").GetProperty("unit").GetString());
    }

    [Fact]
    public async Task The_list_is_latest_first_and_a_damaged_record_hides_no_other()
    {
        var store = new LabRecordStore(_directory);
        await store.SaveAsync(Sample("a") with { StartedAt = DateTimeOffset.UnixEpoch }, _cancelled);
        await store.SaveAsync(Sample("b"), _cancelled);
        await store.SaveAsync(Sample("c"), _cancelled);
        await File.WriteAllTextAsync(store.RecordPath("c"), "{ half", _cancelled);

        Assert.Equal(["b", "a"], (await store.ListAsync(_cancelled)).Select(record => record.Id), StringComparer.Ordinal);
        Assert.Equal("b", (await store.LatestAsync("sample", _cancelled))!.Id);
        await Assert.ThrowsAsync<LabException>(() => store.LoadAsync("c", _cancelled));
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("")]
    [InlineData("a/b")]
    public async Task An_id_cannot_leave_the_directory(string id) =>
        await Assert.ThrowsAsync<LabException>(() => new LabRecordStore(_directory).LoadAsync(id, _cancelled));

    [Fact]
    public async Task A_record_that_is_not_there_is_named_with_what_to_do()
    {
        var fault = await Assert.ThrowsAsync<LabException>(() => new LabRecordStore(_directory).LoadAsync("none", _cancelled));

        Assert.Contains("tenfold lab list", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comparison_shows_each_figure_and_each_promise_that_changed()
    {
        var comparison = RecordComparison.Of(Sample("a", kept: true, throughput: 40_000), Sample("b", kept: false, throughput: 50_000));

        Assert.True(comparison.SameMachine);
        Assert.Equal(1.25, comparison.Figures[0].Ratio);
        Assert.Equal(new PromiseChange("a <limit> holds", true, false), Assert.Single(comparison.Promises));
        Assert.Throws<LabException>(() => RecordComparison.Of(Sample(), Sample() with { Scenario = "other" }));
    }

    [Fact]
    public void A_replay_has_the_recorded_seed_scale_and_parts()
    {
        var record = Sample() with { Seed = 77, TimeScale = 0.5, Redis = true };

        var options = new LabOptions { DataDirectory = "elsewhere" }.Repeating(record);

        Assert.Equal((77, 0.5, true, "elsewhere"), (options.Seed, options.TimeScale, options.Redis, options.DataDirectory));
        Assert.Equal(record.Command, options.Command);
    }

    [Theory]
    [InlineData(0.0000853, "s", "85.3 µs")]
    [InlineData(0.00125, "s", "1.25 ms")]
    [InlineData(2.5, "s", "2.5 s")]
    [InlineData(48123, "{decision}/s", "48,123 decision/s")]
    [InlineData(61.44, "By", "61.4 B")]
    [InlineData(0.9712, "1", "0.971")]
    public void Figures_are_written_for_people(double value, string unit, string expected) => Assert.Equal(expected, FigureText.Of(value, unit));

    private static PhaseResult Phase(string name, double start, double rate) => new(
        name, start, rate, rate * 0.99, new LatencySeconds(0.0005, 0.0004, 0.0008, 0.002, 0.004, 0.01), 0, (long)rate, 3, 0.0001, rate * 0.0005,
        [new(start, rate, 0.002), new(start + 0.25, rate, 0.003)]);
}

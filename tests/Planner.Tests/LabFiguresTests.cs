using System.Text.Json;

namespace Tenfold.Planner.Tests;

public sealed class LabFiguresTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tenfold-planner").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_sound_record_gives_its_figures_and_no_doubt()
    {
        var figures = Read(Record("a"));

        Assert.Equal(20_000, figures.Figures["http-decisions-per-second"]);
        Assert.Empty(figures.Doubts);
        Assert.Equal("lab record a, 2026-11-24, 2 processors, Linux", figures.Source);
    }

    [Fact]
    public void A_broken_promise_is_a_doubt() =>
        Assert.Contains("a promise was broken", Assert.Single(Read(Record("a", verdict: "broken")).Doubts), StringComparison.Ordinal);

    [Fact]
    public void A_run_that_was_cut_short_is_a_doubt()
    {
        var text = Record("a").Replace("\"verdict\"", "\"timeScale\": 0.1, \"verdict\"", StringComparison.Ordinal);

        Assert.Contains("cut to 0.1 of their length", Assert.Single(Read(text).Doubts), StringComparison.Ordinal);
    }

    [Fact]
    public void A_phase_that_breaks_Littles_law_is_a_doubt_with_its_numbers()
    {
        // 1,000 a second for 5 ms each are 5 in the system, not 7.
        var doubt = Assert.Single(Read(Record("a", inSystem: 7)).Doubts);

        Assert.Contains("phase 'http' breaks Little's law: L = 7, λW = 5", doubt, StringComparison.Ordinal);
    }

    [Fact]
    public void The_latest_record_of_the_scenario_is_taken()
    {
        Save("old", Record("old", day: 20));
        Save("new", Record("new", day: 24));
        Save("other", Record("other", day: 25, scenario: "flash-sale"));

        Assert.Equal("new", LabFigures.Latest(_directory, "rate-limiter")!.Id);
        Assert.Null(LabFigures.Latest(_directory, "search"));
        Assert.Null(LabFigures.Latest(Path.Combine(_directory, "nowhere"), "rate-limiter"));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{ "machine": 5 }""")]
    public void What_is_no_record_is_named(string text)
    {
        var path = Save("broken", text);

        var fault = Assert.Throws<PlannerException>(() => LabFigures.Read(path));

        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }

    private static LabFigures Read(string text)
    {
        using var json = JsonDocument.Parse(text);
        return LabFigures.Read(json.RootElement);
    }

    private string Save(string id, string text)
    {
        var path = Path.Combine(_directory, "lab", id, "record.json");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Record(string id, string verdict = "kept", double inSystem = 5, int day = 24, string scenario = "rate-limiter") => $$"""
        { "id": "{{id}}", "scenario": "{{scenario}}", "startedAt": "2026-11-{{day}}T08:00:00Z", "verdict": "{{verdict}}", "machine": { "processors": 2, "os": "Linux" },
          "figures": { "http-decisions-per-second": { "value": 20000, "unit": "{decision}/s" } },
          "phases": [ { "name": "http", "achievedPerSecond": 1000, "admitted": 900, "rejected": 100, "errors": 0, "inSystem": {{inSystem}}, "latencySeconds": { "mean": 0.005 } } ] }
        """;
}

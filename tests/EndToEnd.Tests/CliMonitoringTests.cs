using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The alert rules and the dashboard of <c>deploy/</c> ask only for what <c>/metrics</c> of a real server exposes.</summary>
public sealed partial class CliMonitoringTests(CliServerFixture fixture) : IClassFixture<CliServerFixture>
{
    // What Prometheus adds to each series by itself.
    private static readonly string[] ScrapeLabels = ["instance", "job"];
    private static readonly string[] Words = ["and", "or", "unless", "bool"];

    [Fact]
    public async Task Every_alert_asks_for_series_that_are_there()
    {
        var text = await File.ReadAllTextAsync(InDeploy("alerts.yml"), TestContext.Current.CancellationToken);
        var expressions = AlertExpression().Matches(text).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(Regex.Count(text, @"(?m)^\s+- alert: \w+$"), expressions.Count);
        Assert.All(["for: ", "severity: ", "summary: ", "description: "], field => Assert.Equal(expressions.Count, Regex.Count(text, $@"(?m)^\s+{field}\S")));
        await AssertExposedAsync(expressions);
    }

    [Fact]
    public async Task Every_panel_asks_for_series_that_are_there()
    {
        await using var file = File.OpenRead(InDeploy("grafana-rate-limiter.json"));
        using var dashboard = await JsonDocument.ParseAsync(file, cancellationToken: TestContext.Current.CancellationToken);
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        var expressions = panels.SelectMany(p => p.GetProperty("targets").EnumerateArray()).Select(t => t.GetProperty("expr").GetString()!).ToList();
        Assert.True(expressions.Count >= panels.Count);
        var variables = dashboard.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Where(v => v.GetProperty("type").GetString() == "query").Select(v => v.GetProperty("query").GetString()!);
        await AssertExposedAsync([.. expressions, .. variables]);
    }

    [Theory]
    [InlineData("rate(tenfold_nosuch_total[5m]) > 0", "tenfold_nosuch_total")]
    [InlineData("sum by (nosuch) (tenfold_rate_limiter_decisions_total)", "nosuch")]
    [InlineData("tenfold_rate_limiter_decisions_total{nosuch=\"x\"}", "nosuch")]
    [InlineData("tenfold_rate_limiter_decisions_total{outcome=\"nosuch\"}", "nosuch")]
    public async Task A_series_that_is_not_there_would_be_found(string expression, string wrong) =>
        Assert.Contains(Faults(expression, await SeriesAsync()), fault => fault.Contains(wrong, StringComparison.Ordinal));

    private async Task AssertExposedAsync(List<string> expressions)
    {
        Assert.NotEmpty(expressions);
        var series = await SeriesAsync();
        Assert.Empty(expressions.SelectMany(e => Faults(e, series).Select(fault => $"{fault} in: {e}")));
    }

    // The labels of each exposed series, by its name, after decisions of both kinds.
    private async Task<ILookup<string, Dictionary<string, string>>> SeriesAsync()
    {
        for (var i = 0; i <= CliServerFixture.Permits; i++)
        {
            using var answer = await fixture.Server.AskAsync("monitored");
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, $"{answer.StatusCode}");
        }

        var text = await fixture.Server.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        return SampleLine().Matches(text).ToLookup(m => m.Groups[1].Value, m => Labels(m.Groups[2].Value).ToDictionary(l => l.Name, l => l.Value, StringComparer.Ordinal), StringComparer.Ordinal);
    }

    private static IEnumerable<string> Faults(string expression, ILookup<string, Dictionary<string, string>> series)
    {
        var bare = Grouping().Replace(Selector().Replace(Range().Replace(expression, ""), ""), " ");
        var metrics = Name().Matches(bare).Select(m => m.Value).Where(n => !Words.Contains(n, StringComparer.Ordinal) && !ScrapeLabels.Contains(n, StringComparer.Ordinal)).ToList();
        foreach (var metric in metrics.Where(m => !series.Contains(m)))
            yield return $"{metric} is not exposed";
        var found = metrics.SelectMany(m => series[m]).ToList();
        foreach (var label in Grouping().Matches(expression).SelectMany(m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)))
        {
            if (!ScrapeLabels.Contains(label, StringComparer.Ordinal) && !found.Exists(s => s.ContainsKey(label)))
                yield return $"no series has the label {label}";
        }

        foreach (Match selector in Selector().Matches(expression))
        {
            var wanted = Labels(selector.Groups[2].Value).Where(l => !ScrapeLabels.Contains(l.Name, StringComparer.Ordinal)).ToList();
            if (!series[selector.Groups[1].Value].Any(s => wanted.TrueForAll(w => s.TryGetValue(w.Name, out var value) && Regex.IsMatch(value, $"^(?:{w.Value})$"))))
                yield return $"no series is {selector.Value}";
        }
    }

    private static IEnumerable<(string Name, string Value)> Labels(string text) => Label().Matches(text).Select(m => (m.Groups[1].Value, m.Groups[2].Value));

    private static string InDeploy(string file, [CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../deploy", file));

    [GeneratedRegex(@"^\s+expr: (.+)$", RegexOptions.Multiline)]
    private static partial Regex AlertExpression();

    [GeneratedRegex(@"^([a-z_:][\w:]*)(?:\{(.*)\})? [^\s#]+$", RegexOptions.Multiline)]
    private static partial Regex SampleLine();

    [GeneratedRegex(@"(\w+)=~?""([^""]*)""")]
    private static partial Regex Label();

    // A name with its braces; the braces alone are taken away, the name stays.
    [GeneratedRegex(@"(?<=\b([a-z_:][\w:]*))\{([^}]*)\}")]
    private static partial Regex Selector();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Range();

    [GeneratedRegex(@"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")]
    private static partial Regex Grouping();

    // No function: those stand before a parenthesis, or before the grouping that was taken away.
    [GeneratedRegex(@"\b[a-z_:][\w:]*\b(?!\s*\()")]
    private static partial Regex Name();
}

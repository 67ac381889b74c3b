using System.Text.RegularExpressions;
using System.Xml.Linq;
using Tenfold.Lab.Reports;

namespace Tenfold.Lab.Tests.Reports;

public sealed partial class HtmlReportTests
{
    [Fact]
    public void It_is_well_formed_and_shows_every_phase_promise_figure_fault_and_note()
    {
        var record = LabRecordTests.Sample();
        var page = Parse(record);

        foreach (var text in record.Phases.Select(phase => phase.Name)
            .Concat(record.Promises.Select(promise => promise.Name))
            .Concat(record.Figures.Keys)
            .Concat(record.Faults.Select(fault => fault.Name))
            .Concat(record.Notes)
            .Append(record.Command))
        {
            Assert.Contains(text, page.Value, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void It_asks_for_nothing_from_anywhere()
    {
        var html = HtmlReport.Write(LabRecordTests.Sample());

        Assert.DoesNotMatch(Fetches(), html);
        Assert.Contains("prefers-color-scheme: dark", html, StringComparison.Ordinal);
        Assert.Contains("width=device-width", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_plot_has_a_name_for_those_who_hear_it_and_stays_inside_its_frame()
    {
        var plots = Parse(LabRecordTests.Sample()).Descendants("svg").ToList();

        // The course, its latency, and the saturation of "http".
        Assert.Equal(3, plots.Count);
        Assert.All(plots, plot => Assert.False(string.IsNullOrEmpty(plot.Attribute("aria-label")?.Value)));
        foreach (var point in plots.SelectMany(plot => plot.Descendants("polyline")).SelectMany(line => line.Attribute("points")!.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            var at = point.Split(',').Select(double.Parse).ToArray();
            Assert.InRange(at[0], 0, 720);
            Assert.InRange(at[1], 0, 280);
        }
    }

    [Fact]
    public void A_broken_promise_is_said_first()
    {
        var page = Parse(LabRecordTests.Sample(kept: false));

        Assert.Equal("✗ a promise was broken", page.Descendants("p").First().Value);
    }

    [Fact]
    public void Names_cannot_break_out_of_the_page()
    {
        var record = LabRecordTests.Sample() with { Command = "<script>alert(1)</script>", Notes = ["\"><img src=x>"] };

        var page = Parse(record);

        Assert.Empty(page.Descendants("script"));
        Assert.Empty(page.Descendants("img"));
    }

    [Fact]
    public void A_run_without_phases_still_makes_a_page() =>
        Assert.Empty(Parse(LabRecordTests.Sample() with { Phases = [], Figures = new Dictionary<string, LabFigure>(StringComparer.Ordinal) }).Descendants("svg"));

    [Fact]
    public void Axis_ticks_are_round_and_in_range()
    {
        Assert.Equal([0, 2000, 4000, 6000, 8000], new Axis(0, 8200, 0, 100).Ticks);
        Assert.Equal(4, new Axis(0.0002, 0.5, 100, 0, logarithmic: true).Ticks.Count - 1);
    }

    /// <summary>Void elements closed, the page is XML, which has no mercy for a missing end or an unescaped sign.</summary>
    private static XElement Parse(LabRecord record)
    {
        var html = HtmlReport.Write(record).Replace("<!doctype html>", "", StringComparison.Ordinal);
        return XElement.Parse(Void().Replace(html, "<meta${rest}/>"));
    }

    [GeneratedRegex("<meta(?<rest>[^>]*)>", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Void();

    [GeneratedRegex("(src|href)=|@import|url\\(|<script|https?://", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Fetches();
}

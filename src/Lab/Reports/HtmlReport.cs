using System.Globalization;
using System.Net;
using System.Text;

namespace Tenfold.Lab.Reports;

/// <summary>
/// Writes a record as one HTML file without any other file or network: verdict first, then promises, figures, plots, phases.
/// </summary>
internal static class HtmlReport
{
    public static string Write(LabRecord record)
    {
        var html = new StringBuilder();
        html.Append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
        html.Append("<title>").Append(Encode($"{record.Scenario}: {record.Verdict}")).Append("</title>\n<style>\n").Append(Style).Append("</style>\n</head>\n<body>\n");
        WriteHead(html, record);
        WritePromises(html, record);
        WriteFigures(html, record);
        WritePlots(html, record);
        WritePhases(html, record);
        WriteNotes(html, record);
        return html.Append("</body>\n</html>\n").ToString();
    }

    private static void WriteHead(StringBuilder html, LabRecord record)
    {
        var kept = record.Verdict == LabRecord.Kept;
        html.Append("<header>\n<h1>Lab: ").Append(Encode(record.Scenario)).Append("</h1>\n");
        html.Append(CultureInfo.InvariantCulture, $"<p class=\"verdict {(kept ? "kept" : "broken")}\">{(kept ? "✓ every promise kept" : "✗ a promise was broken")}</p>\n");
        html.Append("<p>").Append(Encode(record.StartedAt.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)))
            .Append(" · ").Append(Encode(FigureText.Seconds(record.DurationSeconds)))
            .Append(" · ").Append(Encode($"{record.Machine.Processors} processors, {record.Machine.MemoryBytes / (double)(1 << 30):0.#} GiB, {record.Machine.Os}, {record.Machine.Runtime}"))
            .Append("</p>\n<p>Repeat it: <code>").Append(Encode(record.Command)).Append("</code></p>\n</header>\n");
    }

    private static void WritePromises(StringBuilder html, LabRecord record)
    {
        html.Append("<section>\n<h2>Promises</h2>\n<div class=\"wide promises\"><table>\n<thead><tr><th>Promise</th><th>Held</th><th class=\"n\">Checks</th><th>Detail</th></tr></thead>\n<tbody>\n");
        foreach (var promise in record.Promises)
        {
            html.Append("<tr><th scope=\"row\">").Append(Encode(promise.Name)).Append("</th><td class=\"").Append(promise.Kept ? "kept" : "broken").Append("\">")
                .Append(promise.Kept ? "✓ yes" : "✗ no").Append("</td><td class=\"n\">").Append(FigureText.Number(promise.Checked))
                .Append("</td><td>").Append(Encode(promise.Detail)).Append("</td></tr>\n");
        }

        html.Append("</tbody>\n</table></div>\n</section>\n");
    }

    private static void WriteFigures(StringBuilder html, LabRecord record)
    {
        if (record.Figures.Count == 0)
            return;
        html.Append("<section>\n<h2>Figures</h2>\n<dl class=\"tiles\">\n");
        foreach (var (name, figure) in record.Figures)
            html.Append("<div><dt>").Append(Encode(name)).Append("</dt><dd>").Append(Encode(FigureText.Of(figure.Value, figure.Unit))).Append("</dd></div>\n");
        html.Append("</dl>\n</section>\n");
    }

    private static void WritePlots(StringBuilder html, LabRecord record)
    {
        html.Append("<section>\n<h2>Course</h2>\n");
        var starts = record.Phases.Select(phase => (phase.Name, phase.Start)).ToList();
        html.Append(new SvgPlot
        {
            Title = "Answers a second",
            Description = "Whole run, logarithmic; a thin line begins a phase, a band is a fault.",
            XLabel = "seconds since the run began",
            YUnit = "/s",
            LogarithmicY = true,
        }
            .Line("answers", record.Phases.SelectMany(phase => phase.Series).Select(point => (point.T, point.Rate)))
            .Line("errors", record.Phases.SelectMany(phase => phase.Series).Select(point => (point.T, (double)point.Errors * 4)), dashed: true)
            .Bands(record.Faults).Marks(starts).Write());
        html.Append(new SvgPlot
        {
            Title = "Latency, 99th percentile of each quarter second",
            Description = "From the moment at which each request was due, so that a stall counts in full. Logarithmic.",
            XLabel = "seconds since the run began",
            YUnit = "s",
            LogarithmicY = true,
        }
            .Line("p99", record.Phases.SelectMany(phase => phase.Series).Where(point => point.P99 > 0).Select(point => (point.T, point.P99)))
            .Bands(record.Faults).Marks(starts).Write());
        foreach (var group in StepGroups(record))
        {
            html.Append(new SvgPlot
            {
                Title = $"Saturation: {group.Key}",
                Description = "Each dot is a step at a higher offered rate; where the line leaves the diagonal, the server is full.",
                XLabel = "offered requests a second",
                YUnit = "/s",
            }
                .Line("answered", group.Select(step => (step.OfferedPerSecond, step.AchievedPerSecond)), dots: true)
                .Line("offered", group.Select(step => (step.OfferedPerSecond, step.OfferedPerSecond)).Prepend((0, 0)), dashed: true).Write());
        }

        html.Append("</section>\n");
    }

    /// <summary>Phases called <c>name step 1</c>, <c>name step 2</c>, … belong to one search for saturation.</summary>
    private static IEnumerable<IGrouping<string, PhaseResult>> StepGroups(LabRecord record) =>
        record.Phases
            .Where(phase => phase.Name.Contains(" step ", StringComparison.Ordinal))
            .GroupBy(phase => phase.Name[..phase.Name.IndexOf(" step ", StringComparison.Ordinal)], StringComparer.Ordinal);

    private static void WritePhases(StringBuilder html, LabRecord record)
    {
        html.Append("<section>\n<h2>Phases</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Phase</th><th class=\"n\">Offered /s</th><th class=\"n\">Answered /s</th>");
        html.Append("<th class=\"n\">p50</th><th class=\"n\">p90</th><th class=\"n\">p99</th><th class=\"n\">p99.9</th><th class=\"n\">max</th><th class=\"n\">Rejected</th><th class=\"n\">Errors</th><th class=\"n\">Driver lag p99</th></tr></thead>\n<tbody>\n");
        foreach (var phase in record.Phases)
        {
            html.Append("<tr><th scope=\"row\">").Append(Encode(phase.Name)).Append("</th>");
            var latency = phase.LatencySeconds;
            foreach (var cell in new[]
            {
                FigureText.Number(phase.OfferedPerSecond), FigureText.Number(phase.AchievedPerSecond), FigureText.Seconds(latency.P50), FigureText.Seconds(latency.P90),
                FigureText.Seconds(latency.P99), FigureText.Seconds(latency.P999), FigureText.Seconds(latency.Max), FigureText.Number(phase.Rejected), FigureText.Number(phase.Errors),
                FigureText.Seconds(phase.DriverLagSeconds),
            })
            {
                html.Append("<td class=\"n\">").Append(cell).Append("</td>");
            }

            html.Append("</tr>\n");
        }

        html.Append("</tbody>\n</table></div>\n<p class=\"hint\">Percentiles of different phases do not add and are not averaged anywhere here. A latency near the driver's own lag says nothing of the server.</p>\n</section>\n");
    }

    private static void WriteNotes(StringBuilder html, LabRecord record)
    {
        html.Append("<section>\n<h2>How to read it</h2>\n<ul>\n");
        foreach (var note in record.Notes)
            html.Append("<li>").Append(Encode(note)).Append("</li>\n");
        html.Append("</ul>\n</section>\n");
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root { --ink: #1b2530; --soft: #5b6875; --paper: #fbfbf9; --card: #ffffff; --edge: #dfe3e6; --l0: #0b6bcb; --l1: #c2410c; --l2: #15803d; --l3: #7e22ce; --fault: #f59e0b; --good: #15803d; --bad: #b91c1c; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6eaee; --soft: #9aa7b4; --paper: #12171c; --card: #1a2128; --edge: #303a44; --l0: #6cb6ff; --l1: #ff9b6a; --l2: #6fdd8b; --l3: #d2a8ff; --fault: #b7791f; --good: #6fdd8b; --bad: #ff8a80; }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 1.25rem; max-width: 62rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
        p { margin: .4rem 0; } code { padding: .1rem .35rem; border-radius: 4px; background: var(--card); border: 1px solid var(--edge); overflow-wrap: anywhere; }
        .verdict { font-weight: 700; font-size: 1.1rem; } .kept { color: var(--good); } .broken { color: var(--bad); }
        .hint { color: var(--soft); font-size: .875rem; }
        .wide { overflow-x: auto; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); }
        table { width: 100%; border-collapse: collapse; font-size: .875rem; }
        th, td { padding: .45rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); }
        tbody tr:last-child > * { border-bottom: 0; } thead th { color: var(--soft); font-weight: 600; } tbody th { font-weight: 500; min-width: 11rem; }
        .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.kept, td.broken { white-space: nowrap; font-weight: 600; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .6rem; margin: 0; }
        .tiles div { padding: .7rem .8rem; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); }
        dt { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; } dd { margin: .15rem 0 0; font-size: 1.15rem; font-weight: 600; }
        figure { margin: 0 0 1rem; padding: .8rem; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); }
        figcaption { font-weight: 600; margin-bottom: .3rem; }
        svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
        .grid { stroke: var(--edge); } .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; }
        .line.l0 { stroke: var(--l0); } .line.l1 { stroke: var(--l1); } .line.l2 { stroke: var(--l2); } .line.l3 { stroke: var(--l3); }
        .dot.l0 { fill: var(--l0); } .dot.l1 { fill: var(--l1); } .dot.l2 { fill: var(--l2); } .dot.l3 { fill: var(--l3); }
        .mark { stroke: var(--edge); stroke-dasharray: 2 3; } rect.fault { fill: var(--fault); opacity: .3; }
        .legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .3rem 0 0; padding: 0; list-style: none; font-size: .85rem; }
        .legend li::before { content: ""; display: inline-block; width: 1.1rem; height: 0; margin-right: .4rem; vertical-align: middle; border-top: 3px solid; }
        .legend .dashed::before { border-top-style: dashed; } .legend .fault::before { height: .7rem; border: 0; background: var(--fault); opacity: .5; }
        .legend .l0::before { border-color: var(--l0); } .legend .l1::before { border-color: var(--l1); } .legend .l2::before { border-color: var(--l2); } .legend .l3::before { border-color: var(--l3); }
        @media (max-width: 40rem) {
          body { padding: .8rem; } svg text { font-size: 20px; }
          .promises thead { display: none; } .promises tr, .promises th, .promises td { display: block; border: 0; padding: .1rem .7rem; text-align: left; }
          .promises tr { padding: .5rem 0; border-bottom: 1px solid var(--edge); } .promises td.n::before { content: "checks: "; }
        }
        @media print { body { max-width: none; } .wide { overflow: visible; } }

        """;
}

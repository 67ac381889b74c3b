using System.Globalization;
using System.Net;
using System.Text;

namespace Tenfold.Lab.Reports;

/// <summary>
/// A small line plot as inline SVG. Colours come from the page's style sheet, so that light and dark need no second picture; text
/// is real text; the picture scales with the page and its title and description are read out.
/// </summary>
internal sealed class SvgPlot
{
    private const double Width = 720;
    private const double Height = 280;
    private const double Left = 88;
    private const double Right = 16;
    private const double Top = 14;
    private const double Bottom = 40;

    private readonly List<PlotLine> _lines = [];
    private readonly List<PlotBand> _bands = [];
    private readonly List<(string Name, double At)> _marks = [];

    public required string Title { get; init; }

    public required string Description { get; init; }

    public required string XLabel { get; init; }

    public required string YUnit { get; init; }

    public bool LogarithmicY { get; init; }

    public SvgPlot Line(string name, IEnumerable<(double X, double Y)> points, bool dashed = false, bool dots = false)
    {
        _lines.Add(new PlotLine(name, [.. points], dashed, dots));
        return this;
    }

    public SvgPlot Bands(IEnumerable<FaultMark> faults)
    {
        _bands.AddRange(faults.Select(fault => new PlotBand(fault.Name, fault.Start, fault.End)));
        return this;
    }

    /// <summary>Thin lines where something began; their names show on pointing at them.</summary>
    public SvgPlot Marks(IEnumerable<(string Name, double At)> marks)
    {
        _marks.AddRange(marks);
        return this;
    }

    /// <summary>The figure with its legend, as HTML.</summary>
    public string Write()
    {
        var points = _lines.SelectMany(line => line.Points).ToList();
        if (points.Count == 0)
            return "";
        var x = new Axis(points.Min(point => point.X), points.Max(point => point.X), Left, Width - Right);
        var positive = points.Where(point => point.Y > 0).Select(point => point.Y).DefaultIfEmpty(1e-6).Min();
        var y = new Axis(LogarithmicY ? positive : 0, points.Max(point => point.Y) * (LogarithmicY ? 1 : 1.05), Height - Bottom, Top, LogarithmicY);
        var html = new StringBuilder();
        html.Append("<figure>\n<figcaption>").Append(Encode(Title)).Append("</figcaption>\n");
        html.Append(Invariant($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(Title + ". " + Description)}\">\n"));
        WriteBands(html, x);
        foreach (var (name, at) in _marks)
            html.Append(Invariant($"<line class=\"mark\" x1=\"{x.At(at):0.#}\" x2=\"{x.At(at):0.#}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"><title>{Encode(name)}</title></line>\n"));
        WriteAxes(html, x, y);
        for (var i = 0; i < _lines.Count; i++)
            WriteLine(html, _lines[i], i, x, y);
        html.Append("</svg>\n");
        WriteLegend(html);
        return html.Append("<p class=\"hint\">").Append(Encode(Description)).Append("</p>\n</figure>\n").ToString();
    }

    private void WriteBands(StringBuilder html, Axis x)
    {
        foreach (var band in _bands)
        {
            var from = x.At(band.Start);
            html.Append(Invariant($"<rect class=\"fault\" x=\"{from:0.#}\" y=\"{Top}\" width=\"{Math.Max(2, x.At(band.End) - from):0.#}\" height=\"{Height - Bottom - Top}\"><title>{Encode(band.Name)}</title></rect>\n"));
        }
    }

    private void WriteAxes(StringBuilder html, Axis x, Axis y)
    {
        foreach (var tick in y.Ticks)
        {
            html.Append(Invariant($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y.At(tick):0.#}\" y2=\"{y.At(tick):0.#}\"/>"));
            html.Append(Invariant($"<text x=\"{Left - 8}\" y=\"{y.At(tick) + 4:0.#}\" text-anchor=\"end\">{Encode(YUnit == "s" ? FigureText.Seconds(tick) : FigureText.Brief(tick) + YUnit)}</text>\n"));
        }

        foreach (var tick in x.Ticks)
            html.Append(Invariant($"<text x=\"{x.At(tick):0.#}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{FigureText.Brief(tick)}</text>"));
        html.Append(Invariant($"\n<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 4}\" text-anchor=\"middle\">{Encode(XLabel)}</text>\n"));
    }

    private static void WriteLine(StringBuilder html, PlotLine line, int index, Axis x, Axis y)
    {
        html.Append(Invariant($"<polyline class=\"line l{index % 4}{(line.Dashed ? " dashed" : "")}\" points=\""));
        foreach (var point in line.Points)
            html.Append(Invariant($"{x.At(point.X):0.#},{y.At(point.Y):0.#} "));
        html.Append("\"/>\n");
        if (!line.Dots)
            return;
        foreach (var point in line.Points)
            html.Append(Invariant($"<circle class=\"dot l{index % 4}\" cx=\"{x.At(point.X):0.#}\" cy=\"{y.At(point.Y):0.#}\" r=\"3.5\"/>"));
        html.Append('\n');
    }

    private void WriteLegend(StringBuilder html)
    {
        html.Append("<ul class=\"legend\">");
        for (var i = 0; i < _lines.Count; i++)
            html.Append(Invariant($"<li class=\"l{i % 4}{(_lines[i].Dashed ? " dashed" : "")}\">{Encode(_lines[i].Name)}</li>"));
        foreach (var name in _bands.Select(band => band.Name).Distinct(StringComparer.Ordinal))
            html.Append("<li class=\"fault\">").Append(Encode(name)).Append("</li>");
        html.Append("</ul>\n");
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record PlotLine(string Name, IReadOnlyList<(double X, double Y)> Points, bool Dashed, bool Dots);

    private sealed record PlotBand(string Name, double Start, double End);
}

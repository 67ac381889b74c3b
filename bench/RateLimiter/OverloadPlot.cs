using System.Globalization;
using System.Text;
using Tenfold.RateLimiting.Adaptive.Simulation;

namespace Tenfold.Bench.RateLimiter;

/// <summary>Writes the overload runs as data and as a plot: docs/systems/img/adaptive-overload.csv and .svg.</summary>
internal static class OverloadPlot
{
    private const int Width = 880;
    private const int Height = 400;
    private const int Left = 60;
    private const int Right = 20;
    private const int Top = 40;
    private const int Bottom = 50;
    private const double MostPerSecond = 1200;

    public static void Write(IReadOnlyDictionary<OverloadPolicy, OverloadResult> runs)
    {
        var folder = Path.Combine(Root(), "docs", "systems", "img");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adaptive-overload.csv"), Csv(runs));
        File.WriteAllText(Path.Combine(folder, "adaptive-overload.svg"), Svg(runs));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(Environment.CurrentDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Tenfold.slnx")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("Run this in a checkout of Tenfold: Tenfold.slnx is in no folder above.");
        return folder.FullName;
    }

    private static string Csv(IReadOnlyDictionary<OverloadPolicy, OverloadResult> runs)
    {
        var text = new StringBuilder("second,capacity,offered,good_none,good_fixed,good_adaptive,limit_adaptive\n");
        var adaptive = runs[OverloadPolicy.Adaptive];
        for (var second = 0; second < adaptive.Good.Length; second++)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{second},{adaptive.Capacity[second]},{adaptive.Offered[second]},{runs[OverloadPolicy.None].Good[second]},{runs[OverloadPolicy.Fixed].Good[second]},{adaptive.Good[second]},{adaptive.Limit[second]}\n");
        }

        return text.ToString();
    }

    private static string Svg(IReadOnlyDictionary<OverloadPolicy, OverloadResult> runs)
    {
        var adaptive = runs[OverloadPolicy.Adaptive];
        var seconds = adaptive.Good.Length;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"13\">\n");
        text.Append("<title>Goodput under overload: adaptive limit, fixed limit, none</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        for (var value = 0; value <= MostPerSecond; value += 200)
        {
            text.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(value):F1}\" y2=\"{Y(value):F1}\" stroke=\"#ddd\"/>");
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\">{value}</text>\n");
        }

        foreach (var (second, label) in new[]
        {
            (OverloadScenarios.LoadAt, "10x load"), (OverloadScenarios.LossAt, "70 % of workers lost"), (OverloadScenarios.BackAt, "back"),
        })
        {
            text.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(second, seconds):F1}\" x2=\"{X(second, seconds):F1}\" y1=\"{Top}\" y2=\"{Height - Bottom}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>");
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(second, seconds) + 4:F1}\" y=\"{Top + 12}\" fill=\"#666\">{label}</text>\n");
        }

        Line(text, [.. adaptive.Capacity], "#888", "6 4");
        Line(text, [.. runs[OverloadPolicy.None].Good.Select(good => (double)good)], "#b3261e", null);
        Line(text, [.. runs[OverloadPolicy.Fixed].Good.Select(good => (double)good)], "#b26a00", null);
        Line(text, [.. adaptive.Good.Select(good => (double)good)], "#1b6e3c", null);
        var x = Left;
        foreach (var (label, colour) in new[] { ("adaptive", "#1b6e3c"), ("fixed limit of 800", "#b26a00"), ("none", "#b3261e"), ("capacity", "#888") })
        {
            text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"14\" width=\"18\" height=\"4\" fill=\"{colour}\"/><text x=\"{x + 24}\" y=\"21\">{label}</text>\n");
            x += 150;
        }

        text.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width / 2}\" y=\"{Height - 12}\" text-anchor=\"middle\">seconds; answers a second within 1 s, simulated, seed 1</text>\n</svg>\n");
        return text.ToString();
    }

    private static void Line(StringBuilder text, double[] values, string colour, string? dashes)
    {
        text.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{(dashes is null ? "" : $" stroke-dasharray=\"{dashes}\"")} points=\"");
        for (var second = 0; second < values.Length; second++)
            text.Append(CultureInfo.InvariantCulture, $"{X(second, values.Length):F1},{Y(values[second]):F1} ");
        text.Append("\"/>\n");
    }

    private static double X(double second, int seconds) => Left + (second / seconds * (Width - Left - Right));

    private static double Y(double value) => Height - Bottom - (Math.Min(value, MostPerSecond) / MostPerSecond * (Height - Top - Bottom));
}

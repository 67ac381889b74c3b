using System.Globalization;

namespace Tenfold.Lab;

/// <summary>Writes figures for people: three significant digits with the unit's prefix.</summary>
public static class FigureText
{
    /// <summary>The value in its unit: <c>1.25 ms</c>, <c>48,100 /s</c>, <c>61.2 B</c>.</summary>
    public static string Of(double value, string unit)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
            return "-";
        return unit switch
        {
            "s" => Seconds(value),
            "By" => $"{Number(value)} B",
            "1" => Number(value),
            _ => $"{Number(value)} {unit.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal)}",
        };
    }

    /// <summary>A time: <c>85 µs</c>, <c>1.25 ms</c>, <c>2.5 s</c>.</summary>
    public static string Seconds(double seconds) => Math.Abs(seconds) switch
    {
        0 => "0 s",
        < 1e-3 => $"{Number(seconds * 1e6)} µs",
        < 1 => $"{Number(seconds * 1e3)} ms",
        _ => $"{Number(seconds)} s",
    };

    /// <summary>For axes: <c>500</c>, <c>20k</c>, <c>1.5M</c>.</summary>
    public static string Brief(double value) => Math.Abs(value) switch
    {
        >= 1e6 => $"{Number(value / 1e6)}M",
        >= 1e3 => $"{Number(value / 1e3)}k",
        _ => Number(value),
    };

    /// <summary>Three significant digits, with thousands separators.</summary>
    public static string Number(double value)
    {
        var size = Math.Abs(value);
        if (size is 0 or >= 100)
            return value.ToString("N0", CultureInfo.InvariantCulture);
        var digits = Math.Clamp(2 - (int)Math.Floor(Math.Log10(size)), 0, 8);
        return Math.Round(value, digits).ToString("0." + new string('#', digits), CultureInfo.InvariantCulture);
    }
}

using System.Globalization;

namespace Tenfold.Planner;

/// <summary>Reads and writes quantities as planners do: <c>10M</c>, <c>250k</c>, <c>1.5G</c>; decimal prefixes, powers of a thousand.</summary>
public static class Quantity
{
    /// <summary>Reads a number with an optional k, M, G (or B) or T; underscores and commas may group digits.</summary>
    public static bool TryParse(string? text, out double value)
    {
        value = 0;
        if (string.IsNullOrWhiteSpace(text))
            return false;
        text = text.Trim().Replace("_", "", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal);
        var factor = char.ToUpperInvariant(text[^1]) switch { 'K' => 1e3, 'M' => 1e6, 'G' or 'B' => 1e9, 'T' => 1e12, '%' => 0.01, _ => 1 };
        if (!double.TryParse(factor == 1 ? text : text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out value) || !double.IsFinite(value))
            return false;
        value *= factor;
        return true;
    }

    /// <summary>A number for people: grouped, at most four significant digits after the point's place.</summary>
    public static string Number(double value)
    {
        var size = Math.Abs(value);
        if (size >= 1000 || value == Math.Round(value))
            return value.ToString("#,0.##", CultureInfo.InvariantCulture);
        var digits = size == 0 ? 0 : Math.Clamp(3 - (int)Math.Floor(Math.Log10(size)), 0, 12);
        return Math.Round(value, digits).ToString("0." + new string('#', Math.Max(1, digits)), CultureInfo.InvariantCulture);
    }
}

namespace Tenfold.Lab.Reports;

/// <summary>Maps values to pixels and picks round ticks (1, 2 or 5 times a power of ten; powers of ten when logarithmic).</summary>
internal sealed class Axis
{
    private readonly double _low;
    private readonly double _high;
    private readonly double _from;
    private readonly double _to;
    private readonly bool _logarithmic;

    public Axis(double low, double high, double from, double to, bool logarithmic = false)
    {
        _logarithmic = logarithmic;
        if (logarithmic)
        {
            low = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(low, 1e-9))));
            high = Math.Max(low * 10, Math.Pow(10, Math.Ceiling(Math.Log10(Math.Max(high, 1e-9)))));
        }
        else if (high <= low)
        {
            high = low + 1;
        }

        (_low, _high, _from, _to) = (low, high, from, to);
        Ticks = [.. logarithmic ? Decades(low, high) : Round(low, high)];
    }

    public IReadOnlyList<double> Ticks { get; }

    public double At(double value)
    {
        var part = _logarithmic
            ? (Math.Log10(Math.Max(value, _low)) - Math.Log10(_low)) / (Math.Log10(_high) - Math.Log10(_low))
            : (value - _low) / (_high - _low);
        return _from + Math.Clamp(part, 0, 1) * (_to - _from);
    }

    private static IEnumerable<double> Decades(double low, double high)
    {
        for (var tick = low; tick <= high * 1.001; tick *= 10)
            yield return tick;
    }

    private static IEnumerable<double> Round(double low, double high)
    {
        var raw = (high - low) / 4;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = (raw / power) switch { < 1.5 => power, < 3.5 => 2 * power, < 7.5 => 5 * power, _ => 10 * power };
        for (var i = (long)Math.Ceiling(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
            yield return i * step;
    }
}

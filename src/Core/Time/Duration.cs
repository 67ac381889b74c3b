using System.Globalization;

namespace Tenfold.Time;

/// <summary>Reads and writes durations as people write them: <c>250ms</c>, <c>10s</c>, <c>1m</c>, <c>1h</c>, <c>1d</c>, <c>00:01:30</c>.</summary>
/// <remarks>A bare number is none: it is days to .NET and seconds to nearly everyone else. Thread-safe.</remarks>
public static class Duration
{
    /// <summary>What to write, for messages.</summary>
    public const string Syntax = "write 250ms, 10s, 1m, 1h, 1d or hh:mm:ss";

    // Longest first: "ms" ends with "s", and "m" is a prefix of it.
    private static readonly (string Unit, long Ticks)[] Units =
    [
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay),
    ];

    /// <summary>Reads a duration; false when the text is none. A sign is not read: no duration here is negative.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = default;
        text = text.Trim();
        if (text.Contains(':'))
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
        foreach (var (unit, ticks) in Units)
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
                continue;
            if (!decimal.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                || count > long.MaxValue / ticks)
                return false;
            duration = TimeSpan.FromTicks((long)(count * ticks));
            return true;
        }

        return false;
    }

    /// <summary>The shortest text that <see cref="TryParse"/> reads back as the same duration.</summary>
    public static string Format(TimeSpan duration)
    {
        for (var i = Units.Length - 1; i >= 0; i--)
        {
            if (duration.Ticks != 0 && duration.Ticks % Units[i].Ticks == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / Units[i].Ticks}{Units[i].Unit}");
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(decimal)duration.Ticks / TimeSpan.TicksPerSecond:0.#######}s");
    }
}

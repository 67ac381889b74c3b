using System.ComponentModel;
using System.Globalization;

namespace Tenfold.Server.Configuration;

/// <summary>Durations as people write them: <c>250ms</c>, <c>30s</c>, <c>5m</c>, <c>2h</c>, <c>1d</c>, or .NET's <c>00:00:30</c>.</summary>
internal sealed class Duration : TypeConverter
{
    private static readonly (string Unit, TimeSpan Length)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)),
        ("h", TimeSpan.FromHours(1)), ("d", TimeSpan.FromDays(1)),
    ];

    /// <summary>
    /// Teaches the configuration binder these forms. It finds converters through TypeDescriptor only, so this is for the whole
    /// process; forms that .NET reads keep their meaning.
    /// </summary>
    public static void Register() => TypeDescriptor.AddAttributes(typeof(TimeSpan), new TypeConverterAttribute(typeof(Duration)));

    public static bool TryParse(string text, out TimeSpan value)
    {
        text = text.Trim();
        foreach (var (unit, length) in Units)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * length.Ticks <= TimeSpan.MaxValue.Ticks / 2)
            {
                value = TimeSpan.FromTicks((long)(number * length.Ticks));
                return true;
            }
        }

        // A bare number is days to .NET, and seconds to nearly everyone else: refuse to guess.
        value = default;
        return text.Contains(':') && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
    }

    public static string Format(TimeSpan value)
    {
        for (var i = Units.Length - 1; i >= 0; i--)
        {
            if (value.Ticks != 0 && value.Ticks % Units[i].Length.Ticks == 0)
                return $"{value.Ticks / Units[i].Length.Ticks}{Units[i].Unit}";
        }

        return value == TimeSpan.Zero ? "0s" : value.ToString("c", CultureInfo.InvariantCulture);
    }

    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string) || base.CanConvertFrom(context, sourceType);

    public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
        value is string text
            ? TryParse(text, out var span) ? span : throw new FormatException("must be a duration, as 250ms, 30s, 5m, 2h or 1d")
            : base.ConvertFrom(context, culture, value);

    public override object? ConvertTo(ITypeDescriptorContext? context, CultureInfo? culture, object? value, Type destinationType) =>
        value is TimeSpan span && destinationType == typeof(string) ? Format(span) : base.ConvertTo(context, culture, value, destinationType);
}

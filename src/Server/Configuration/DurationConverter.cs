using System.ComponentModel;
using System.Globalization;
using Tenfold.Time;

namespace Tenfold.Server.Configuration;

/// <summary>Teaches the configuration binder <see cref="Duration"/>'s forms: <c>250ms</c>, <c>30s</c>, <c>5m</c>, <c>2h</c>, <c>1d</c>.</summary>
internal sealed class DurationConverter : TypeConverter
{
    /// <summary>The binder finds converters through TypeDescriptor only, so this is for the whole process.</summary>
    public static void Register() => TypeDescriptor.AddAttributes(typeof(TimeSpan), new TypeConverterAttribute(typeof(DurationConverter)));

    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string) || base.CanConvertFrom(context, sourceType);

    public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
        value is string text
            ? Duration.TryParse(text, out var span) ? span : throw new FormatException("must be a duration, as 250ms, 30s, 5m, 2h or 1d")
            : base.ConvertFrom(context, culture, value);

    public override object? ConvertTo(ITypeDescriptorContext? context, CultureInfo? culture, object? value, Type destinationType) =>
        value is TimeSpan span && destinationType == typeof(string) ? Duration.Format(span) : base.ConvertTo(context, culture, value, destinationType);
}

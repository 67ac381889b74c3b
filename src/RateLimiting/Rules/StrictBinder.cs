using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// Reads configuration into options and finds every fault in one go: unknown keys, text where a number belongs, a value where a
/// section belongs. The framework's binder stops at the first and skips what it does not know.
/// </summary>
internal static class StrictBinder
{
    private const int MaxShownValue = 60;

    /// <summary>Reads all of <paramref name="section"/> into <paramref name="target"/>; what cannot be read is left as it was and reported.</summary>
    public static void Bind(IConfigurationSection section, object target, ICollection<string> faults)
    {
        var properties = Properties(target.GetType());
        foreach (var child in section.GetChildren())
        {
            var property = Array.Find(properties, p => p.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
                faults.Add(Fault(child, $"unknown key; known are {string.Join(", ", properties.Select(p => p.Name).Order(StringComparer.Ordinal))}"));
            else
                BindProperty(child, target, property, faults);
        }
    }

    /// <summary>One line: path, value, and what is wrong or what to write.</summary>
    public static string Fault(string path, string? value, string fault) => $"{path}{Shown(value)}: {fault}";

    private static string Fault(IConfigurationSection at, string fault) => Fault(at.Path, at.Value, fault);

    private static string Shown(string? value) => value switch
    {
        null => "",
        { Length: > MaxShownValue } => $" = {value[..MaxShownValue]}… ({value.Length} characters)",
        _ => $" = {value}",
    };

    private static PropertyInfo[] Properties(Type type) =>
        [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0)];

    private static void BindProperty(IConfigurationSection section, object target, PropertyInfo property, ICollection<string> faults)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (IsScalar(type))
        {
            if (property.SetMethod is null)
                faults.Add(Fault(section, "cannot be set"));
            else if (section.Value is null && section.GetChildren().Any())
                faults.Add(Fault(section, $"must be one value ({Expected(type)}), not a section"));
            else if (TryConvert(section.Value, type, out var value))
                property.SetValue(target, value);
            else if (section.Value is not null)
                faults.Add(Fault(section, $"must be {Expected(type)}"));
            return;
        }

        var current = property.GetValue(target);
        if (current is null && property.SetMethod is not null)
        {
            current = Activator.CreateInstance(type)!;
            property.SetValue(target, current);
        }

        switch (current)
        {
            case IDictionary<string, string> texts:
                BindTexts(section, texts, faults);
                break;
            case IList list:
                BindList(section, list, ElementType(property.PropertyType), faults);
                break;
            default:
                if (!string.IsNullOrEmpty(section.Value))
                    faults.Add(Fault(section, "must be a section, not one value"));
                else
                    Bind(section, current!, faults);
                break;
        }
    }

    private static Type ElementType(Type list) =>
        list.IsArray ? list.GetElementType()! : list.GetGenericArguments()[0];

    private static void BindTexts(IConfigurationSection section, IDictionary<string, string> texts, ICollection<string> faults)
    {
        if (!string.IsNullOrEmpty(section.Value))
            faults.Add(Fault(section, "must be a section of names and values, not one value"));
        foreach (var child in section.GetChildren())
        {
            if (child.Value is { } value)
                texts[child.Key] = value;
            else
                faults.Add(Fault(child, "must be one text"));
        }
    }

    private static void BindList(IConfigurationSection section, IList list, Type element, ICollection<string> faults)
    {
        // One value where a list may stand: "Key": "user". JSON's empty list arrives as an empty text.
        if (!string.IsNullOrEmpty(section.Value))
        {
            if (IsScalar(element) && TryConvert(section.Value, element, out var single))
                list.Add(single);
            else
                faults.Add(Fault(section, "must be a list"));
            return;
        }

        foreach (var child in section.GetChildren())
        {
            if (IsScalar(element))
            {
                if (TryConvert(child.Value, element, out var value))
                    list.Add(value);
                else
                    faults.Add(Fault(child, $"must be {Expected(element)}"));
            }
            else if (!string.IsNullOrEmpty(child.Value))
            {
                faults.Add(Fault(child, "must be a section, not one value"));
            }
            else
            {
                var item = Activator.CreateInstance(element)!;
                Bind(child, item, faults);
                list.Add(item);
            }
        }
    }

    private static bool IsScalar(Type type) =>
        type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(TimeSpan) || type == typeof(decimal);

    private static bool TryConvert(string? text, Type type, out object? value)
    {
        value = null;
        if (text is null)
            return false;
        if (type == typeof(string))
        {
            value = text;
        }
        else if (type == typeof(bool))
        {
            if (bool.TryParse(text, out var flag))
                value = flag;
        }
        else if (type == typeof(TimeSpan))
        {
            if (Duration.TryParse(text, out var duration))
                value = duration;
        }
        else if (type.IsEnum)
        {
            var name = text.Replace("-", "", StringComparison.Ordinal);
            if (Enum.GetNames(type).FirstOrDefault(n => n.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } known)
                value = Enum.Parse(type, known);
        }
        else
        {
            try
            {
                value = Convert.ChangeType(text, type, CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (e is FormatException or OverflowException or InvalidCastException)
            {
                return false;
            }
        }

        return value is not null;
    }

    private static string Expected(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return "text";
        if (type == typeof(bool))
            return "true or false";
        if (type == typeof(TimeSpan))
            return $"a duration: {Duration.Syntax}";
        if (type.IsEnum)
            return $"one of {string.Join(", ", Enum.GetNames(type))}";
        return type == typeof(double) || type == typeof(decimal) || type == typeof(float) ? "a number" : "a whole number";
    }
}

using System.Collections;
using System.ComponentModel;
using System.Reflection;

namespace Tenfold.Server.Configuration;

/// <summary>Which settings there are: the sections, and by reflection over their options every path beneath.</summary>
internal static class OptionsCatalog
{
    /// <summary>Section to the type of its options.</summary>
    public static IReadOnlyDictionary<string, Type> Sections { get; } = new Dictionary<string, Type>(StringComparer.OrdinalIgnoreCase)
    {
        [ServerOptions.Section] = typeof(ServerOptions),
    }.Concat(SystemCatalog.All.Select(s => KeyValuePair.Create(s.Section, s.Options))).ToDictionary(StringComparer.OrdinalIgnoreCase);

    public static IEnumerable<PropertyInfo> Settings(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetIndexParameters().Length == 0 && p.GetMethod is not null && (p.SetMethod is { IsPublic: true } || ShapeOf(p.PropertyType) != Shape.Value));

    /// <summary>Every single-valued setting with its default, lists and maps left out (theirs are empty).</summary>
    public static IEnumerable<(string Path, PropertyInfo Property, object? Value)> Defaults() =>
        Sections.SelectMany(s => Below(s.Key, Activator.CreateInstance(s.Value)!));

    private static IEnumerable<(string Path, PropertyInfo Property, object? Value)> Below(string parent, object options)
    {
        foreach (var property in Settings(options.GetType()))
        {
            var path = $"{parent}:{property.Name}";
            var value = property.GetValue(options);
            var shape = ShapeOf(property.PropertyType);
            if (shape == Shape.Value)
                yield return (path, property, value);
            else if (shape == Shape.Object && value is not null)
                foreach (var below in Below(path, value))
                    yield return below;
        }
    }

    /// <summary>How a type looks in configuration.</summary>
    public static Shape ShapeOf(Type type)
    {
        if (type == typeof(string) || TypeDescriptor.GetConverter(Unwrap(type)).CanConvertFrom(typeof(string)))
            return Shape.Value;
        if (DictionaryValue(type) is not null)
            return Shape.Map;
        return typeof(IEnumerable).IsAssignableFrom(type) ? Shape.List : Shape.Object;
    }

    /// <summary>The type of a list's or a map's members.</summary>
    public static Type Member(Type type)
    {
        if (DictionaryValue(type) is { } value)
            return value;
        return type.GetElementType() ?? Generic(type, typeof(IEnumerable<>))?.GetGenericArguments()[0] ?? typeof(string);
    }

    public static Type Unwrap(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    private static Type? DictionaryValue(Type type) =>
        (Generic(type, typeof(IDictionary<,>)) ?? Generic(type, typeof(IReadOnlyDictionary<,>)))?.GetGenericArguments()[1];

    private static Type? Generic(Type type, Type definition) =>
        new[] { type }.Concat(type.GetInterfaces()).FirstOrDefault(t => t.IsGenericType && t.GetGenericTypeDefinition() == definition);
}

/// <summary>How a setting looks in configuration.</summary>
internal enum Shape
{
    Value,
    List,
    Map,
    Object,
}

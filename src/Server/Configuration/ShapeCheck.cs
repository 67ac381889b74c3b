using System.ComponentModel;
using System.Globalization;

namespace Tenfold.Server.Configuration;

/// <summary>
/// Compares the configuration with the options' types: unknown settings, values of the wrong kind. The binder would pass over the
/// former in silence and stop at the first of the latter.
/// </summary>
internal sealed class ShapeCheck
{
    // Beside Tenfold: the log levels of .NET, and the editor's pointer to the schema.
    private static readonly string[] Foreign = ["Logging", "$schema"];

    private readonly List<string> _faults = [];
    private readonly HashSet<string> _paths = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>One line a fault.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Where the faults are, to look at the rest without them.</summary>
    public IReadOnlySet<string> Paths => _paths;

    public static ShapeCheck Of(IConfiguration configuration)
    {
        var check = new ShapeCheck();
        foreach (var root in configuration.GetChildren().Where(c => !Foreign.Contains(c.Key, StringComparer.OrdinalIgnoreCase)))
        {
            if (root.Key.Equals("Tenfold", StringComparison.OrdinalIgnoreCase))
                check.CheckSections(root);
            else
                check.Unknown(root, ["Tenfold", "Logging"]);
        }

        return check;
    }

    private void CheckSections(IConfigurationSection tenfold)
    {
        foreach (var section in tenfold.GetChildren())
        {
            if (section.Path.Equals(ServerOptions.Section, StringComparison.OrdinalIgnoreCase))
                Check(section, typeof(ServerOptions));
            else if (OptionsCatalog.Sections.ContainsKey(section.Path))
                continue; // A system reads its own section as strictly, wherever it is hosted, and reports with the validators.
            else
                Unknown(section, OptionsCatalog.Sections.Keys.Select(k => k[(k.LastIndexOf(':') + 1)..]));
        }
    }

    private void Check(IConfigurationSection section, Type type)
    {
        var children = section.GetChildren();
        switch (OptionsCatalog.ShapeOf(type))
        {
            case Shape.Value when children.Any():
                Fault(section, "must be a single value, not an object or a list");
                break;
            case Shape.Value:
                CheckValue(section, OptionsCatalog.Unwrap(type));
                break;
            case var shape when !string.IsNullOrEmpty(section.Value):
                Fault(section, shape == Shape.List ? "must be a list, as [ … ]" : "must be an object, as { … }");
                break;
            case Shape.Object:
                CheckObject(children, type);
                break;
            case var shape:
                foreach (var child in children)
                {
                    if (shape == Shape.List && !int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                        Fault(child, "is in a list: its name must be a number, from 0");
                    else
                        Check(child, OptionsCatalog.Member(type));
                }

                break;
        }
    }

    private void CheckObject(IEnumerable<IConfigurationSection> children, Type type)
    {
        var known = OptionsCatalog.Settings(type).ToDictionary(p => p.Name, p => p.PropertyType, StringComparer.OrdinalIgnoreCase);
        foreach (var child in children)
        {
            if (known.TryGetValue(child.Key, out var property))
                Check(child, property);
            else
                Unknown(child, known.Keys);
        }
    }

    private void CheckValue(IConfigurationSection section, Type type)
    {
        if (section.Value is null || type == typeof(string))
            return;
        try
        {
            TypeDescriptor.GetConverter(type).ConvertFromInvariantString(section.Value);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or NotSupportedException or OverflowException)
        {
            Fault(section, Must(type, e));
        }
    }

    private static string Must(Type type, Exception e) => type switch
    {
        { IsEnum: true } => $"must be one of {string.Join(", ", Enum.GetNames(type))}",
        _ when type == typeof(bool) => "must be true or false",
        _ when type == typeof(TimeSpan) => "must be a duration, as 250ms, 30s, 5m, 2h or 1d",
        _ when type == typeof(int) || type == typeof(long) => $"must be a whole number of {type.GetField("MinValue")!.GetValue(null)} to {type.GetField("MaxValue")!.GetValue(null)}",
        _ when type == typeof(double) => "must be a number",
        _ => e.Message,
    };

    private void Unknown(IConfigurationSection section, IEnumerable<string> known)
    {
        var value = section.Value ?? (section.GetChildren().Any() ? "…" : "");
        _faults.Add($"{section.Path} = {Redaction.Apply(section.Path, value)}: is no setting{Suggestion.For(section.Key, known)}");
        _paths.Add(section.Path);
    }

    private void Fault(IConfigurationSection section, string must)
    {
        _faults.Add($"{section.Path} = {Redaction.Apply(section.Path, section.Value ?? "…")}: {must}");
        _paths.Add(section.Path);
    }
}

using System.Globalization;
using Tenfold.Time;

namespace Tenfold.Server.Configuration;

/// <summary>One setting in effect.</summary>
/// <param name="Path">Where it stands.</param>
/// <param name="Value">Its value, without secrets; null when unset.</param>
/// <param name="Source">Who set it: <c>default</c>, a file's name, <c>environment</c>, <c>command line</c>.</param>
public sealed record SettingInEffect(string Path, string? Value, string Source);

/// <summary>Every setting in effect and where it comes from.</summary>
public static class ConfigurationReport
{
    /// <summary>The settings of a configuration, defaults included, in the order of their paths.</summary>
    public static IReadOnlyList<SettingInEffect> Of(IConfigurationRoot configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var settings = new SortedDictionary<string, SettingInEffect>(StringComparer.OrdinalIgnoreCase);
        foreach (var setting in OptionsCatalog.Defaults())
            settings[setting.Path] = new SettingInEffect(setting.Path, Redaction.Apply(setting.Path, Text(setting.Value)), "default");
        foreach (var provider in configuration.Providers)
        {
            foreach (var path in Paths(provider, null))
            {
                if (provider.TryGet(path, out var value))
                    settings[path] = new SettingInEffect(settings.TryGetValue(path, out var known) ? known.Path : path, Redaction.Apply(path, value), provider.ToString() ?? "");
            }
        }

        return [.. settings.Values];
    }

    internal static string? Text(object? value) => value switch
    {
        null => null,
        TimeSpan span => Duration.Format(span),
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static IEnumerable<string> Paths(IConfigurationProvider provider, string? parent)
    {
        foreach (var key in provider.GetChildKeys([], parent).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            var path = parent is null ? key : ConfigurationPath.Combine(parent, key);
            yield return path;
            foreach (var below in Paths(provider, path))
                yield return below;
        }
    }
}

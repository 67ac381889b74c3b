using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tenfold.Server.Configuration;

/// <summary>What a setting means, from the XML documentation beside its assembly: one text for readers of the code and of the command.</summary>
internal static partial class SettingText
{
    private static readonly ConcurrentDictionary<Assembly, IReadOnlyDictionary<string, string>> Texts = new();

    /// <summary>The summary of a setting, or empty where the documentation file is not at hand.</summary>
    public static string Of(MemberInfo setting) =>
        Texts.GetOrAdd(setting.DeclaringType!.Assembly, Read).GetValueOrDefault($"P:{setting.DeclaringType.FullName}.{setting.Name}", "");

    private static IReadOnlyDictionary<string, string> Read(Assembly assembly)
    {
        var file = Path.ChangeExtension(assembly.Location, ".xml");
        if (!File.Exists(file))
            return new Dictionary<string, string>(StringComparer.Ordinal);
        return XDocument.Load(file).Descendants("member")
            .Where(m => m.Attribute("name") is not null && m.Element("summary") is not null)
            .ToDictionary(m => m.Attribute("name")!.Value, m => Plain(m.Element("summary")!), StringComparer.Ordinal);
    }

    private static string Plain(XElement summary)
    {
        var text = string.Concat(summary.Nodes().Select(n => n switch
        {
            XText words => words.Value,
            XElement { Name.LocalName: "see" } see => Last(see.Attribute("cref")?.Value ?? see.Attribute("langword")?.Value ?? ""),
            XElement element => element.Value,
            _ => "",
        }));
        return Spaces().Replace(text, " ").Trim();
    }

    private static string Last(string reference) => reference[(reference.LastIndexOfAny(['.', ':']) + 1)..];

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spaces();
}

using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tenfold.Server.Configuration;

/// <summary>A whole <c>tenfold.json</c> with every setting at its default, each explained in a comment above it.</summary>
public static class DefaultConfiguration
{
    private const int Width = 118;

    /// <summary>The file's text. The host reads it, comments and all, and it changes nothing.</summary>
    /// <param name="comments">Whether each setting is explained.</param>
    public static string Write(bool comments = true)
    {
        var text = new StringBuilder("{\n  \"Tenfold\": {\n");
        foreach (var (i, section) in OptionsCatalog.Sections.Index())
        {
            text.Append(CultureInfo.InvariantCulture, $"    {Quote(section.Key[(section.Key.LastIndexOf(':') + 1)..])}: ");
            WriteObject(text, Activator.CreateInstance(section.Value)!, 4, comments);
            text.Append(i == OptionsCatalog.Sections.Count - 1 ? "\n" : ",\n");
        }

        return text.Append("  }\n}\n").ToString();
    }

    private static void WriteObject(StringBuilder text, object options, int depth, bool comments)
    {
        // What has no default cannot stand in a file that changes nothing: the comment says how to write it.
        var settings = OptionsCatalog.Settings(options.GetType()).Select(p => (Property: p, Value: p.GetValue(options))).ToList();
        text.Append("{\n");
        var indent = new string(' ', depth + 2);
        var last = settings.FindLastIndex(s => s.Value is not null);
        for (var i = 0; i < settings.Count; i++)
        {
            var (property, value) = settings[i];
            if (comments)
                WriteComment(text, indent, SettingText.Of(property));
            text.Append(indent);
            if (value is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"// {Quote(property.Name)}: null\n");
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $"{Quote(property.Name)}: ");
            switch (OptionsCatalog.ShapeOf(property.PropertyType))
            {
                case Shape.Object:
                    WriteObject(text, value, depth + 2, comments);
                    break;
                case Shape.List:
                    text.Append("[]");
                    break;
                case Shape.Map:
                    text.Append("{}");
                    break;
                default:
                    text.Append(Literal(value));
                    break;
            }

            text.Append(i == last ? "\n" : ",\n");
        }

        text.Append(' ', depth).Append('}');
    }

    private static void WriteComment(StringBuilder text, string indent, string what)
    {
        var line = "//";
        foreach (var word in what.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (indent.Length + line.Length + word.Length + 1 > Width)
            {
                text.Append(indent).Append(line).Append('\n');
                line = "//";
            }

            line += " " + word;
        }

        if (line.Length > 2)
            text.Append(indent).Append(line).Append('\n');
    }

    private static string Literal(object value) =>
        value is bool or sbyte or short or int or long or double or float or decimal
            ? ConfigurationReport.Text(value)!
            : Quote(ConfigurationReport.Text(value) ?? "");

    private static string Quote(string text) => JsonSerializer.Serialize(text);
}

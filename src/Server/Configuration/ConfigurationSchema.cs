using System.Text.Json.Nodes;

namespace Tenfold.Server.Configuration;

/// <summary>The JSON schema (draft 2020-12) of <c>tenfold.json</c>, made from the options' own types and documentation, for editors.</summary>
public static class ConfigurationSchema
{
    /// <summary>The schema.</summary>
    public static JsonObject Create() => new()
    {
        ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
        ["title"] = "Tenfold configuration",
        ["type"] = "object",
        ["additionalProperties"] = false,
        ["properties"] = new JsonObject
        {
            ["$schema"] = new JsonObject { ["type"] = "string" },
            ["Logging"] = new JsonObject { ["type"] = "object", ["description"] = "Log levels, as .NET reads them: Logging:LogLevel:Default." },
            ["Tenfold"] = new JsonObject
            {
                ["type"] = "object",
                ["additionalProperties"] = false,
                ["properties"] = new JsonObject(OptionsCatalog.Sections.Select(s =>
                    KeyValuePair.Create<string, JsonNode?>(s.Key[(s.Key.LastIndexOf(':') + 1)..], Of(s.Value)))),
            },
        },
    };

    private static JsonObject Of(Type type)
    {
        var schema = new JsonObject();
        switch (OptionsCatalog.ShapeOf(type))
        {
            case Shape.Object:
                schema["type"] = "object";
                schema["additionalProperties"] = false;
                schema["properties"] = new JsonObject(OptionsCatalog.Settings(type).Select(p =>
                {
                    var property = Of(p.PropertyType);
                    if (SettingText.Of(p) is { Length: > 0 } what)
                        property["description"] = what;
                    return KeyValuePair.Create<string, JsonNode?>(p.Name, property);
                }));
                break;
            case Shape.List:
                // A single value may stand where a list may.
                var member = OptionsCatalog.Member(type);
                schema["type"] = OptionsCatalog.ShapeOf(member) == Shape.Value ? new JsonArray("array", "string") : "array";
                schema["items"] = Of(member);
                break;
            case Shape.Map:
                schema["type"] = "object";
                schema["additionalProperties"] = Of(OptionsCatalog.Member(type));
                break;
            default:
                WriteValue(schema, OptionsCatalog.Unwrap(type));
                break;
        }

        return schema;
    }

    private static void WriteValue(JsonObject schema, Type type)
    {
        // Configuration is text to .NET, so "5" is as good as 5; editors should still offer the natural kind.
        schema["type"] = type switch
        {
            _ when type == typeof(bool) => new JsonArray("boolean", "string"),
            _ when type == typeof(int) || type == typeof(long) || type == typeof(short) => new JsonArray("integer", "string"),
            _ when type == typeof(double) || type == typeof(decimal) => new JsonArray("number", "string"),
            _ => "string",
        };
        if (type == typeof(TimeSpan))
            schema["examples"] = new JsonArray("250ms", "30s", "5m", "2h", "1d");
        if (type.IsEnum)
            schema["examples"] = new JsonArray([.. Enum.GetNames(type).Select(n => JsonValue.Create(n))]);
    }
}

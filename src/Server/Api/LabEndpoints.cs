using System.Text.Json;
using Tenfold.Server.Errors;
using Tenfold.Server.Lifetime;

namespace Tenfold.Server.Api;

/// <summary>The lab's records and reports, as they lie under <c>DATA/lab/ID</c>.</summary>
internal static class LabEndpoints
{
    private const int MostListed = 200;

    public static void MapLabRecords(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/lab/records", (DataDirectory data) => List(Path.Combine(data.Path, "lab")));
        endpoints.MapGet("/api/lab/records/{id}", (HttpContext context, DataDirectory data, string id) => SendAsync(context, data, id, "record.json", "application/json"));
        endpoints.MapGet("/api/lab/records/{id}/report", (HttpContext context, DataDirectory data, string id) => SendAsync(context, data, id, "report.html", "text/html; charset=utf-8"));
    }

    private static List<JsonElement> List(string directory)
    {
        if (!Directory.Exists(directory))
            return [];
        // Ids start with their time, so the names' order is the runs' order.
        return [.. Directory.EnumerateDirectories(directory).OrderDescending(StringComparer.Ordinal).Take(MostListed).Select(Summary).OfType<JsonElement>()];
    }

    private static JsonElement? Summary(string directory)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "record.json")));
            var record = document.RootElement;
            return JsonSerializer.SerializeToElement(new
            {
                id = Path.GetFileName(directory),
                scenario = record.GetProperty("scenario").GetString(),
                startedAt = record.GetProperty("startedAt").GetString(),
                durationSeconds = record.GetProperty("durationSeconds").GetDouble(),
                verdict = record.GetProperty("verdict").GetString(),
                headline = record.TryGetProperty("headline", out var own) ? own.GetString() : Headline(record),
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // A run that is still going, or was cut short, has no whole record.
            return null;
        }
    }

    private static string Headline(JsonElement record)
    {
        var promises = record.GetProperty("promises").EnumerateArray().ToList();
        var broken = promises.Where(p => !p.GetProperty("kept").GetBoolean()).Select(p => p.GetProperty("name").GetString()).ToList();
        return broken.Count == 0 ? $"{promises.Count} promises kept" : $"broken: {string.Join(", ", broken)}";
    }

    private static async Task SendAsync(HttpContext context, DataDirectory data, string id, string name, string contentType)
    {
        // The id becomes part of a path: only plain names pass.
        var file = id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? new FileInfo(Path.Combine(data.Path, "lab", id, name)) : null;
        if (file is not { Exists: true })
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await Problems.WriteAsync(context, $"There is no lab record '{id}': GET /api/lab/records lists them, and 'tenfold lab' makes one.");
            return;
        }

        context.Response.ContentType = contentType;
        // A report is a page of its own: its scripts may draw, and reach nothing else.
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
        await context.Response.SendFileAsync(file.FullName, context.RequestAborted);
    }
}

using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Edges;

/// <summary>What callers send to the HTTP API, read within bounds.</summary>
internal static class HttpRequestBodies
{
    /// <summary>The longest body of a decision.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The longest body of a replay: rules and, where given, traffic.</summary>
    public const int MaxReplayBytes = 16 * 1024 * 1024;

    private static readonly string[] Reserved = ["cost", "limit", "burst", "algorithm", "deny"];

    /// <summary>A decision that is asked for.</summary>
    internal sealed record Question(
        Dictionary<string, string>? Attributes, long? Cost, string? Limit, string? Burst, string? Algorithm, string? Id, double? ExpiresAfterSeconds);

    /// <summary>Reads a question from the query, or from a JSON body where there is one.</summary>
    /// <exception cref="ArgumentException">It cannot be understood; the message says what to write.</exception>
    public static async ValueTask<Question> ReadQuestionAsync(HttpContext context)
    {
        var fromQuery = ReadQuery(context.Request.Query);
        if (!HttpMethods.IsPost(context.Request.Method) || context.Request.ContentLength is 0 || !HasBody(context.Request))
            return AsItsTenant(context, fromQuery);
        var body = await ReadJsonAsync<JsonQuestion>(context, MaxBytes);
        var attributes = fromQuery.Attributes!;
        foreach (var (name, value) in body.Attributes ?? [])
            attributes[name] = Text(name, value);
        return AsItsTenant(context, new Question(
            attributes, body.Cost ?? fromQuery.Cost, body.Limit ?? fromQuery.Limit, body.Burst?.ToString(CultureInfo.InvariantCulture) ?? fromQuery.Burst,
            body.Algorithm ?? fromQuery.Algorithm, body.Id, body.ExpiresAfterSeconds));
    }

    /// <summary>The tenant that the caller was authenticated for, and for which alone it speaks; null when it speaks for any.</summary>
    public static string? TenantOf(HttpContext context) =>
        context.User.Identity is { IsAuthenticated: true }
            ? context.User.FindFirst(context.RequestServices.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Http.TenantClaim)?.Value
            : null;

    // What a caller says of its tenant counts only where it was not authenticated for one.
    private static Question AsItsTenant(HttpContext context, Question question)
    {
        if (TenantOf(context) is { } tenant)
            question.Attributes![AttributeNames.Tenant] = tenant;
        return question;
    }

    /// <summary>Reads a JSON body within a bound.</summary>
    /// <exception cref="ArgumentException">Too long, or not the JSON that is asked for.</exception>
    public static async ValueTask<T> ReadJsonAsync<T>(HttpContext context, int maxBytes)
        where T : class
    {
        if (context.Request.ContentLength > maxBytes)
            throw new BodyTooLongException(maxBytes);
        var buffer = new MemoryStream(Math.Min(maxBytes, (int)(context.Request.ContentLength ?? 1024)));
        var chunk = new byte[8192];
        while (await context.Request.Body.ReadAsync(chunk, context.RequestAborted) is var read and > 0)
        {
            if (buffer.Length + read > maxBytes)
                throw new BodyTooLongException(maxBytes);
            await buffer.WriteAsync(chunk.AsMemory(0, read), context.RequestAborted);
        }

        try
        {
            return JsonSerializer.Deserialize<T>(buffer.GetBuffer().AsSpan(0, (int)buffer.Length), HttpAnswers.Json)
                ?? throw new RequestFaultException("the body is null: send a JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RequestFaultException($"the body is not the JSON that is asked for: {e.Message}", e);
        }
    }

    private static bool HasBody(HttpRequest request) => request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0 || request.HasJsonContentType();

    private static Question ReadQuery(IQueryCollection query)
    {
        var attributes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, values) in query)
        {
            if (Array.Exists(Reserved, r => r.Equals(name, StringComparison.OrdinalIgnoreCase)))
                continue;
            if (attributes.Count == RateLimitRequest.MaxAttributes)
                throw new RequestFaultException($"more than {RateLimitRequest.MaxAttributes} attributes: send only what rules match or key on.");
            attributes[name] = values.Count == 1 ? values[0] ?? "" : throw new RequestFaultException($"attribute '{Short(name)}' is given {values.Count} times: give it once.");
        }

        return new Question(attributes, Number(query, "cost"), Single(query, "limit"), Single(query, "burst"), Single(query, "algorithm"), null, null);
    }

    private static string? Single(IQueryCollection query, string name) => query[name] is { Count: > 0 } values ? values[0] : null;

    private static long? Number(IQueryCollection query, string name)
    {
        if (Single(query, name) is not { } text)
            return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RequestFaultException($"{name} = {Short(text)}: must be a whole number from 0.");
    }

    private static string Text(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Utf8(name, value),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => throw new RequestFaultException($"attribute '{Short(name)}' must be a text or a number."),
    };

    private static string Utf8(string name, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new RequestFaultException($"attribute '{Short(name)}' is not UTF-8: send text, or a hash of the bytes.", e);
        }
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";

    private sealed record JsonQuestion(
        Dictionary<string, JsonElement>? Attributes, long? Cost, string? Limit, long? Burst, string? Algorithm, string? Id, double? ExpiresAfterSeconds);
}

/// <summary>A body is longer than its bound.</summary>
internal sealed class BodyTooLongException(int maxBytes) : RequestFaultException($"the body is longer than {maxBytes} bytes.");

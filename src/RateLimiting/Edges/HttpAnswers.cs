using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Writes decisions and faults as HTTP answers: headers, and problem details (RFC 9457).</summary>
internal sealed class HttpAnswers(IOptions<RateLimitingOptions> options, TimeProvider time)
{
    /// <summary>The registered problem type for a quota that is used up (draft-ietf-httpapi-ratelimit-headers-11).</summary>
    public const string QuotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded";

    /// <summary>How this API writes JSON.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Create(System.Text.Unicode.UnicodeRanges.All),
    };

    /// <summary>Puts a decision's headers on the answer.</summary>
    public void WriteHeaders(HttpContext context, RateLimitDecision decision) =>
        HttpRateLimitHeaders.Write(context.Response.Headers, decision, options.Value.Http, time.GetUtcNow());

    /// <summary>Answers a rejected request with problem details.</summary>
    public static Task RejectAsync(HttpContext context, RateLimitDecision decision, int status = StatusCodes.Status429TooManyRequests)
    {
        var violated = decision.Limits.Where(l => !l.DryRun && !l.Outcome.HasRoom).ToArray();
        var retry = RetryAfter.Seconds(decision);
        var problem = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["type"] = QuotaExceeded,
            ["title"] = "Too many requests",
            ["status"] = status,
            ["detail"] = Detail(violated, retry),
            ["decision"] = decision.Id,
            ["retryAfterSeconds"] = decision.RetryAfter == Timeout.InfiniteTimeSpan ? null : Seconds(decision.RetryAfter),
            ["violated-policies"] = violated.Select(l => l.Limit.Id).Distinct(StringComparer.Ordinal),
            ["limits"] = decision.Limits.Where(l => !l.DryRun).Select(HttpShapes.Of),
        };
        return WriteProblemAsync(context, status, problem);
    }

    /// <summary>Answers a request that cannot be understood, with what to do instead.</summary>
    public static Task RefuseAsync(HttpContext context, int status, string title, string detail)
    {
        var problem = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["type"] = "about:blank",
            ["title"] = title,
            ["status"] = status,
            ["detail"] = detail,
        };
        return WriteProblemAsync(context, status, problem);
    }

    /// <summary>A duration in seconds, to the microsecond.</summary>
    public static double? Seconds(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? null : Math.Round(time.TotalSeconds, 6);

    private static Task WriteProblemAsync(HttpContext context, int status, Dictionary<string, object?> problem)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(problem, Json, "application/problem+json", context.RequestAborted);
    }

    private static string Detail(LimitResult[] violated, long? retry)
    {
        if (violated.Length == 0)
            return "Rejected.";
        var first = violated[0];
        var why = first.Source == DecisionSource.FailedClosed
            ? $"Rule '{first.Rule}' cannot be checked now"
            : first.Limit.Algorithm == LimitAlgorithm.Concurrency
                ? string.Create(CultureInfo.InvariantCulture, $"Rule '{first.Rule}' allows {first.Limit.Permits} at a time")
                : string.Create(CultureInfo.InvariantCulture, $"Rule '{first.Rule}' allows {first.Limit.Permits} per {Duration.Format(first.Limit.Period)}");
        return retry is { } seconds
            ? string.Create(CultureInfo.InvariantCulture, $"{why}. Try again in {seconds} s.")
            : first.Limit.Algorithm == LimitAlgorithm.Concurrency
                ? $"{why}. Try again when another has ended."
                : string.Create(CultureInfo.InvariantCulture, $"{why}, at most {first.Limit.Burst} at once: cost {first.Cost} can never pass.");
    }
}

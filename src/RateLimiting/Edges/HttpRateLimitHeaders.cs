using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// A decision as headers: <c>RateLimit-Policy</c> and <c>RateLimit</c> (draft-ietf-httpapi-ratelimit-headers-11, structured fields of RFC 9651), the older
/// <c>X-RateLimit-*</c>, and <c>Retry-After</c> (RFC 9110, 10.2.3).
/// </summary>
internal static class HttpRateLimitHeaders
{
    /// <summary>The header that names the decision.</summary>
    public const string DecisionId = "X-Tenfold-Decision";

    // Structured fields' integers have at most 15 digits (RFC 9651, 3.3.1).
    private const long MaxInteger = 999_999_999_999_999;
    private const int MaxShown = 16;

    /// <summary>Writes all headers of a decision.</summary>
    public static void Write(IHeaderDictionary headers, RateLimitDecision decision, HttpEdgeOptions options, DateTimeOffset now)
    {
        headers[DecisionId] = decision.Id;
        if (options.RateLimitHeaders)
            WriteStructured(headers, decision);
        if (options.LegacyHeaders && Tightest(decision) is { } tightest)
            WriteLegacy(headers, tightest, now);
        if (!decision.Admitted && RetryAfter.Seconds(decision) is { } seconds)
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The limit with the least left of what it allows, or null when none was counted.</summary>
    public static LimitResult? Tightest(RateLimitDecision decision)
    {
        LimitResult? tightest = null;
        foreach (var limit in decision.Limits)
        {
            if (IsShown(limit) && (tightest is null || Left(limit) < Left(tightest)))
                tightest = limit;
        }

        return tightest;
    }

    private static double Left(LimitResult limit) =>
        limit.Outcome.HasRoom ? Math.Max(0, limit.Outcome.Remaining) / (double)limit.Limit.Burst : -1;

    // What was not counted has nothing to tell, and a dry run must not show.
    private static bool IsShown(LimitResult limit) => !limit.DryRun && limit.Source is DecisionSource.Engine or DecisionSource.LocalFallback && !limit.DryRun;

    private static void WriteStructured(IHeaderDictionary headers, RateLimitDecision decision)
    {
        var policies = new StringBuilder();
        var limits = new StringBuilder();
        var shown = 0;
        foreach (var result in decision.Limits)
        {
            if (!IsShown(result) || shown++ >= MaxShown)
                continue;
            AppendPolicy(policies, result.Limit);
            var reset = result.Outcome.HasRoom ? result.Outcome.ResetAfter : Longer(result.Outcome.RetryAfter, result.Outcome.ResetAfter);
            Separate(limits).Append('"').Append(Name(result.Limit.Id)).Append("\";r=").Append(Integer(result.Outcome.Remaining));
            if (result.Limit.Algorithm != LimitAlgorithm.Concurrency)
                limits.Append(";t=").Append(Integer(CeilingSeconds(reset)));
        }

        if (shown == 0)
            return;
        headers["RateLimit-Policy"] = policies.ToString();
        headers["RateLimit"] = limits.ToString();
    }

    private static void AppendPolicy(StringBuilder policies, Limit limit)
    {
        Separate(policies).Append('"').Append(Name(limit.Id)).Append("\";q=");
        if (limit.Algorithm == LimitAlgorithm.Concurrency)
        {
            policies.Append(Integer(limit.Permits)).Append(";qu=\"concurrent-requests\"");
            return;
        }

        // The window is a whole number of seconds: a quota over part of a second is told by the second.
        var seconds = CeilingSeconds(limit.Period);
        var quota = (long)((Int128)limit.Permits * seconds * TimeSpan.TicksPerSecond / limit.Period.Ticks);
        policies.Append(Integer(quota)).Append(";w=").Append(Integer(seconds));
    }

    private static void WriteLegacy(IHeaderDictionary headers, LimitResult tightest, DateTimeOffset now)
    {
        var after = tightest.Outcome.HasRoom ? tightest.Outcome.ResetAfter : Longer(tightest.Outcome.RetryAfter, TimeSpan.Zero);
        // What may be left at most: a bucket's burst may exceed its permits, and what is left must never exceed the limit.
        headers["X-RateLimit-Limit"] = Integer(Math.Max(tightest.Limit.Permits, tightest.Limit.Burst));
        headers["X-RateLimit-Remaining"] = Integer(tightest.Outcome.Remaining);
        headers["X-RateLimit-Reset"] = Integer((long)Math.Ceiling((now + after - DateTimeOffset.UnixEpoch).TotalSeconds));
    }

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static StringBuilder Separate(StringBuilder list) => list.Length == 0 ? list : list.Append(", ");

    private static long CeilingSeconds(TimeSpan time) =>
        time <= TimeSpan.Zero ? 0 : ((time.Ticks - 1) / TimeSpan.TicksPerSecond) + 1;

    private static string Integer(long value) => Math.Clamp(value, 0, MaxInteger).ToString(CultureInfo.InvariantCulture);

    // Names of rules are checked; a limit that was made by hand may be called anything, a structured field's string may not.
    private static string Name(string id) =>
        id.All(c => c is >= ' ' and <= '~' and not '"' and not '\\') ? id : string.Concat(id.Select(c => c is >= ' ' and <= '~' and not '"' and not '\\' ? c : '_'));
}

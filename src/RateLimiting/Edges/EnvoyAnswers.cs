using System.Globalization;
using Envoy.Config.Core.V3;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using static Envoy.Service.Ratelimit.V3.RateLimitResponse.Types;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Turns decisions into the answer to a ShouldRateLimit call.</summary>
internal static class EnvoyAnswers
{
    /// <summary>One status a decision, in order; over the limit when any is denied.</summary>
    public static Rls.RateLimitResponse Write(IReadOnlyList<RateLimitDecision> decisions, bool headersWhenAdmitted)
    {
        var response = new Rls.RateLimitResponse { OverallCode = Code.Ok };
        RateLimitDecision? denied = null;
        LimitResult? told = null;
        for (var i = 0; i < decisions.Count; i++)
        {
            var nearest = Nearest(decisions[i].Limits, out var over);
            response.Statuses.Add(Status(nearest, over));
            if (!decisions[i].Admitted)
            {
                response.OverallCode = Code.OverLimit;
                denied = Later(denied, decisions[i]);
            }

            if (nearest is not null && (told is null || IsNearer(nearest, told)))
                told = nearest;
        }

        if (told is not null && (denied is not null || headersWhenAdmitted))
            AddHeaders(response.ResponseHeadersToAdd, told, denied);
        if (denied is not null)
            response.DynamicMetadata = Why(denied, told);
        return response;
    }

    // The limit that denies, and waits longest; else the one with the least left. Rules in dry run are nobody's business here.
    private static LimitResult? Nearest(IReadOnlyList<LimitResult> limits, out bool over)
    {
        LimitResult? nearest = null;
        over = false;
        for (var i = 0; i < limits.Count; i++)
        {
            var limit = limits[i];
            if (limit.DryRun)
                continue;
            over |= !limit.Outcome.HasRoom;
            if (nearest is null || IsNearer(limit, nearest))
                nearest = limit;
        }

        return nearest;
    }

    private static bool IsNearer(LimitResult one, LimitResult other)
    {
        if (one.Outcome.HasRoom != other.Outcome.HasRoom)
            return !one.Outcome.HasRoom;
        return one.Outcome.HasRoom
            ? one.Outcome.Remaining < other.Outcome.Remaining
            : IsLonger(one.Outcome.RetryAfter, other.Outcome.RetryAfter);
    }

    private static RateLimitDecision Later(RateLimitDecision? one, RateLimitDecision other) =>
        one is null || IsLonger(other.RetryAfter, one.RetryAfter) ? other : one;

    // Infinite is written as minus one.
    private static bool IsLonger(TimeSpan one, TimeSpan other) =>
        other != Timeout.InfiniteTimeSpan && (one == Timeout.InfiniteTimeSpan || one > other);

    private static DescriptorStatus Status(LimitResult? nearest, bool over)
    {
        var status = new DescriptorStatus { Code = over ? Code.OverLimit : Code.Ok };
        if (nearest is null)
            return status;
        var limit = nearest.Limit;
        status.CurrentLimit = new RateLimit
        {
            Name = limit.Id,
            RequestsPerUnit = EnvoyRequests.IsNothing(limit) ? 0 : Clamp(limit.Permits),
            Unit = EnvoyUnits.Of(limit.Period),
        };
        status.LimitRemaining = EnvoyRequests.IsNothing(limit) ? 0 : Clamp(nearest.Outcome.Remaining);
        status.DurationUntilReset = Span(nearest.Outcome.ResetAfter);
        return status;
    }

    private static uint Clamp(long value) => (uint)Math.Clamp(value, 0, uint.MaxValue);

    private static Duration Span(TimeSpan time) => new()
    {
        Seconds = time.Ticks / TimeSpan.TicksPerSecond,
        Nanos = (int)(time.Ticks % TimeSpan.TicksPerSecond) * 100,
    };

    // IETF draft-ietf-httpapi-ratelimit-headers-11: RateLimit-Policy and RateLimit are lists of strings with parameters.
    private static void AddHeaders(RepeatedField<HeaderValue> headers, LimitResult told, RateLimitDecision? denied)
    {
        var name = told.Limit.Id.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        var invariant = CultureInfo.InvariantCulture;
        headers.Add(new HeaderValue
        {
            Key = "RateLimit-Policy",
            Value = string.Create(invariant, $"\"{name}\";q={told.Limit.Permits};w={Seconds(told.Limit.Period)}"),
        });
        headers.Add(new HeaderValue
        {
            Key = "RateLimit",
            Value = string.Create(invariant, $"\"{name}\";r={told.Outcome.Remaining};t={Seconds(told.Outcome.ResetAfter)}"),
        });
        if (denied is not null && RetryAfter.Seconds(denied) is { } seconds)
            headers.Add(new HeaderValue { Key = "Retry-After", Value = seconds.ToString(invariant) });
    }

    private static long Seconds(TimeSpan time) => (time.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond;

    private static Struct Why(RateLimitDecision denied, LimitResult? told)
    {
        var metadata = new Struct();
        metadata.Fields["decision"] = Value.ForString(denied.Id);
        if (told is not null)
            metadata.Fields["rule"] = Value.ForString(told.Rule);
        return metadata;
    }
}

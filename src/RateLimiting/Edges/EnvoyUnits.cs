using Envoy.Type.V3;
using Unit = Envoy.Service.Ratelimit.V3.RateLimitResponse.Types.RateLimit.Types.Unit;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Envoy's units of time: a month has 30 days, a year 365.</summary>
internal static class EnvoyUnits
{
    /// <summary>The unit's length, or null when it is none.</summary>
    public static TimeSpan? Length(RateLimitUnit unit) => unit switch
    {
        RateLimitUnit.Second => TimeSpan.FromSeconds(1),
        RateLimitUnit.Minute => TimeSpan.FromMinutes(1),
        RateLimitUnit.Hour => TimeSpan.FromHours(1),
        RateLimitUnit.Day => TimeSpan.FromDays(1),
        RateLimitUnit.Month => TimeSpan.FromDays(30),
        RateLimitUnit.Year => TimeSpan.FromDays(365),
        _ => null,
    };

    /// <summary>The unit of that length; <see cref="Unit.Unknown"/> when there is none.</summary>
    public static Unit Of(TimeSpan period) => period.Ticks switch
    {
        TimeSpan.TicksPerSecond => Unit.Second,
        TimeSpan.TicksPerMinute => Unit.Minute,
        TimeSpan.TicksPerHour => Unit.Hour,
        TimeSpan.TicksPerDay => Unit.Day,
        30 * TimeSpan.TicksPerDay => Unit.Month,
        365 * TimeSpan.TicksPerDay => Unit.Year,
        _ => Unit.Unknown,
    };
}

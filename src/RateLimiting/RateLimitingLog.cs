using Microsoft.Extensions.Logging;

namespace Tenfold.RateLimiting;

/// <summary>What the rate limiter logs: events 7000-7099 here, its engines and faces up to 7999.</summary>
internal static partial class RateLimitingLog
{
    [LoggerMessage(7000, LogLevel.Information, "Rate limiter started on engine {Engine} with {Rules} rules")]
    public static partial void Started(ILogger log, string engine, int rules);

    [LoggerMessage(7001, LogLevel.Information, "Rate limit rules reloaded: {Rules} rules are in force")]
    public static partial void RulesReloaded(ILogger log, int rules);

    [LoggerMessage(7002, LogLevel.Error, "Changed rate limit rules refused with {Faults} faults; the rules before go on")]
    public static partial void RulesRefused(ILogger log, int faults);

    [LoggerMessage(7003, LogLevel.Error, "{Fault}")]
    public static partial void RuleFault(ILogger log, string fault);

    [LoggerMessage(7004, LogLevel.Warning, "{Warning}")]
    public static partial void RuleWarning(ILogger log, string warning);

    [LoggerMessage(7005, LogLevel.Warning, "A request's reservation could not be settled and will expire by itself: {Outcome}")]
    public static partial void SettleFailed(ILogger log, Engines.SettleOutcome outcome);

    [LoggerMessage(7006, LogLevel.Error, "A request's reservation could not be settled and will expire by itself")]
    public static partial void SettleThrew(ILogger log, Exception fault);
}

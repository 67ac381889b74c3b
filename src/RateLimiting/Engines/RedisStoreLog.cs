using Microsoft.Extensions.Logging;

namespace Tenfold.RateLimiting.Engines;

/// <summary>What the Redis engine logs: events 7100-7119.</summary>
internal static partial class RedisStoreLog
{
    [LoggerMessage(7100, LogLevel.Warning, "Redis at {Address} is unavailable ({Reason}); rules decide by their own word until it answers")]
    public static partial void Unavailable(ILogger log, string address, string reason);

    [LoggerMessage(7101, LogLevel.Information, "Redis at {Address} answers again")]
    public static partial void Available(ILogger log, string address);

    [LoggerMessage(7102, LogLevel.Error, "Redis at {Address} refused a call: {Reason}")]
    public static partial void Refused(ILogger log, string address, string reason);

    [LoggerMessage(7103, LogLevel.Error, "The Redis key '{Key}', or another of the same request, holds something that is no limit's state: delete it, or choose another KeyPrefix")]
    public static partial void BrokenKey(ILogger log, string key);
}

using System.Net;
using Microsoft.Extensions.Logging;

namespace Tenfold.RateLimiting.Edges;

/// <summary>What the Redis-protocol face logs: events 7300-7319.</summary>
internal static partial class RespLog
{
    [LoggerMessage(7300, LogLevel.Information, "Rate limiter listens for Redis clients on {Address}")]
    public static partial void Listening(ILogger log, IPEndPoint address);

    [LoggerMessage(7301, LogLevel.Warning, "A Redis client could not be accepted")]
    public static partial void AcceptFailed(ILogger log, Exception fault);

    [LoggerMessage(7302, LogLevel.Error, "The connection of Redis client {RemoteAddress} ended in a fault")]
    public static partial void ConnectionFailed(ILogger log, string remoteAddress, Exception fault);
}

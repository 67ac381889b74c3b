namespace Tenfold.Server;

/// <summary>What the host logs: events 1000-1999.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1001, LogLevel.Information, "{File} changed and was read again")]
    public static partial void ConfigurationReloaded(this ILogger logger, string file);

    [LoggerMessage(1002, LogLevel.Error, "{File} changed but the change was not taken: {Fault}")]
    public static partial void ConfigurationRejected(this ILogger logger, string file, string fault);

    [LoggerMessage(1003, LogLevel.Information, "Stopping: not ready from now on, requests in flight have {Limit} to finish")]
    public static partial void Draining(this ILogger logger, TimeSpan limit);
}

namespace Tenfold.Server;

/// <summary>Log lines on standard error, for people or for collectors; standard output is the command's own.</summary>
internal static class LogSetup
{
    public static void AddTo(WebApplicationBuilder builder, ServerOptions server)
    {
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        if (!builder.Configuration.GetSection("Logging:LogLevel").GetChildren().Any())
        {
            builder.Logging.SetMinimumLevel(LogLevel.Warning);
            builder.Logging.AddFilter("Tenfold", LogLevel.Information);
            // Each system logs its own faults; a server that drains is no failure.
            builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
            // A failed start is thrown to the caller, who says it in words: the host's stack trace would drown them.
            var started = new HostStarted();
            builder.Services.AddSingleton(started);
            builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && started.Value);
        }

        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (server.LogFormat == "json")
            builder.Logging.AddJsonConsole(json => json.UseUtcTimestamp = true);
        else
            builder.Logging.AddSimpleConsole(text =>
            {
                text.SingleLine = true;
                text.TimestampFormat = "HH:mm:ss ";
            });
    }
}

/// <summary>Whether the host has started; thread-safe.</summary>
internal sealed class HostStarted
{
    private volatile bool _value;

    public bool Value => _value;

    public void Follow(IHostApplicationLifetime lifetime) => lifetime.ApplicationStarted.Register(() => _value = true);
}

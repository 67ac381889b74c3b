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

using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tenfold.Server.Telemetry;

/// <summary>Metrics for Prometheus to fetch, and metrics and traces for a collector when one is named.</summary>
internal static class TelemetrySetup
{
    private const string StandardVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void AddTo(IServiceCollection services, TelemetryOptions options, IReadOnlyDictionary<string, string?>? environment)
    {
        var standard = environment is null ? Environment.GetEnvironmentVariable(StandardVariable) : environment.GetValueOrDefault(StandardVariable);
        var endpoint = string.IsNullOrEmpty(options.OtlpEndpoint) ? standard : options.OtlpEndpoint;
        var collector = Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) ? uri : null;

        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tenfold", serviceVersion: TenfoldHost.Version))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter("Tenfold.*").AddAspNetCoreInstrumentation().AddRuntimeInstrumentation().AddPrometheusExporter();
                if (collector is not null)
                    metrics.AddOtlpExporter(otlp => otlp.Endpoint = collector);
            });
        // A trace that nobody collects only costs.
        if (collector is not null)
        {
            telemetry.WithTracing(traces => traces
                .AddSource("Tenfold.*")
                .AddAspNetCoreInstrumentation()
                .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.TraceRatio)))
                .AddOtlpExporter(otlp => otlp.Endpoint = collector));
        }
    }
}

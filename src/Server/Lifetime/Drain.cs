using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tenfold.Server.Listening;

namespace Tenfold.Server.Lifetime;

/// <summary>
/// Ends the server's work in order: first it says that it is not ready, for <see cref="ServerOptions.DrainNotice"/>, while it still
/// answers; then the listeners close and requests in flight finish within <see cref="ServerOptions.DrainLimit"/>.
/// </summary>
internal sealed class Drain(IOptions<ServerOptions> options, TimeProvider time) : IHostedLifecycleService, IHealthCheck
{
    private volatile bool _draining;
    private volatile bool _started;

    public bool IsDraining => _draining;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_draining ? HealthCheckResult.Unhealthy("The server is stopping.")
            : _started ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("The server is starting."));

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _started = true;
        return Task.CompletedTask;
    }

    // The host calls this before any service stops, so the listeners still take requests meanwhile.
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _draining = true;
        if (Notice(options.Value) is { Ticks: > 0 } notice)
            await Task.Delay(notice, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>How long the notice is: a load balancer has to see it, and there is none before loopback.</summary>
    internal static TimeSpan Notice(ServerOptions options) =>
        options.DrainNotice ?? (ListenAddress.TryParse(options.Http, out var address, out _) && address.IsLoopback ? TimeSpan.Zero : TimeSpan.FromSeconds(5));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Leaves signals to whoever owns the process: a library must not take them.</summary>
internal sealed class NoSignals : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

using Tenfold.Server.Configuration;

namespace Tenfold.Server.Lifetime;

/// <summary>Says in the log when the configuration file changed, and when a faulty change was not taken.</summary>
internal sealed class ConfigurationWatch(WatchedFile file, ILogger<ConfigurationWatch> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        file.Accepted = () => log.ConfigurationReloaded(file.FilePath);
        file.Rejected = Rejected;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        file.Accepted = null;
        file.Rejected = null;
        return Task.CompletedTask;
    }

    private void Rejected(IReadOnlyList<string> faults)
    {
        foreach (var fault in faults)
            log.ConfigurationRejected(file.FilePath, fault);
    }
}

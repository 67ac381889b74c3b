using System.Net;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;
using Tenfold.Lab.Scenarios.RateLimiter;

namespace Tenfold.Lab.Scenarios.PlannerValidation;

/// <summary>Several servers, warmed up at full speed and then capped.</summary>
internal sealed class CappedNodes(LabRun run) : IAsyncDisposable
{
    /// <summary>
    /// Each node is a machine of one processor, and compiles its code once: at a few per cent of a processor the runtime's second,
    /// better compilation would take longer than the whole measurement and be measured with it.
    /// </summary>
    private static readonly Dictionary<string, string> OneProcessor = new(StringComparer.Ordinal)
    {
        ["DOTNET_PROCESSOR_COUNT"] = "1",
        ["DOTNET_TieredCompilation"] = "0",
    };

    private readonly List<LimiterServer> _servers = [];
    private readonly List<CpuQuota> _quotas = [];

    public string Method => _quotas[0].Method;

    public IPEndPoint this[int node] => _servers[node].Http;

    /// <summary>Processor time that the first nodes have used so far, together.</summary>
    public TimeSpan ProcessorTime(int count) =>
        _servers.Take(count).Aggregate(TimeSpan.Zero, (sum, server) => sum + server.Process.ProcessorTime());

    public async Task StartAsync(int count, double quota, CancellationToken cancellationToken)
    {
        run.Announce($"starting {count} servers");
        for (var i = 0; i < count; i++)
        {
            var server = await LimiterServer.StartAsync(run.Clock, run.Options.ServerCommand, configuration: null, cancellationToken, OneProcessor);
            _servers.Add(server);
            await WarmUpAsync(server, cancellationToken);
        }

        // Only now: a runtime that starts under a cap would compile for the whole run.
        foreach (var server in _servers)
            _quotas.Add(CpuQuota.Apply(server.Process, quota, run.Clock));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var quota in _quotas)
            await quota.DisposeAsync();
        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    private async Task WarmUpAsync(LimiterServer server, CancellationToken cancellationToken)
    {
        var next = 0;
        var phase = new LoadPhase
        {
            Name = "warm-up",
            Target = server.Http,
            Protocol = new HttpProtocol(server.Http.ToString(), ["/api/rate-limiter/acquire?key=w&limit=1000/1s&burst=1000"]),
            Workload = new LimiterWorkload(run.Ledger, new BucketShape(1000, 1000), () => next) { LossExpected = true, ChecksLaw = false },
            RatePerSecond = 3000,
            Duration = run.Scaled(2),
            Connections = 8,
        };
        await OpenLoopDriver.RunAsync(run.Clock, phase, null, cancellationToken);
    }
}

using Tenfold.Lab.Faults;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>
/// Starts a server of its own and drives it over loopback: how much it carries, how fast it answers, what a key costs, what happens
/// when it is paused and killed; and whether a limit was ever exceeded.
/// </summary>
internal sealed class RateLimiterScenario : Scenario
{
    private const int Phases = 13;
    private const int RedisPhases = 8;

    public override string Name => "rate-limiter";

    public override string Title => "Rate limiter under load and faults";

    public override string Description =>
        "Throughput at saturation and latency at 50 and 80 % of it over HTTP and the Redis protocol, memory a key, hot and Zipf keys, pause and kill -9; "
        + "limits checked from outside throughout. With --redis also Redis as the engine behind a proxy that delays, drops and cuts.";

    public override TimeSpan TypicalDuration => TimeSpan.FromSeconds(75);

    protected override async Task<LabRecord> RunCoreAsync(
        LabOptions options, IProgress<LabProgress> progress, CancellationToken cancellationToken)
    {
        var run = new LabRun(Name, options, progress, options.Redis ? Phases + RedisPhases : Phases);
        run.Note($"Server, engine and load driver share {Environment.ProcessorCount} processors: figures are lower than on a machine of the server's own.");
        run.Note("Latency counts from the moment at which a request was due by schedule, not from when it could be sent.");
        run.Note("A limit counts as exceeded only when that is certain from the client's send and receive times; an excess smaller than what was in flight can be missed.");
        await EmbeddedAsync(run, cancellationToken);
        if (options.Redis)
            await RedisAsync(run, cancellationToken);
        return run.Finish();
    }

    private static async Task EmbeddedAsync(LabRun run, CancellationToken cancellationToken)
    {
        run.Announce("starting the server");
        await using var server = await LimiterServer.StartAsync(run.Clock, run.Options.ServerCommand, configuration: null, cancellationToken);
        var trial = new LimiterTrial(run, server.Http, server.Resp);
        await trial.WarmUpAsync(cancellationToken);
        var http = await trial.HttpThroughputAsync(server.Process.ProcessorTime, cancellationToken);
        await trial.HotKeyAsync(http, cancellationToken);
        await trial.ZipfKeysAsync(http, cancellationToken);
        var resp = await trial.RespThroughputAsync(server.Process.ProcessorTime, cancellationToken);
        await trial.RespHotKeyAsync(resp, cancellationToken);
        await trial.MemoryAsync(resp, server.Process.ResidentBytes, cancellationToken);
        if (ProcessSignal.Supported)
        {
            await trial.PauseAsync(http, Run(() => ProcessSignal.Pause(server.Process.Process)), Run(() => ProcessSignal.Continue(server.Process.Process)), cancellationToken);
        }
        else
        {
            run.Note("No pause was injected: this system has no SIGSTOP.");
        }

        await trial.KillAsync(http, server.Process.KillAsync, () => server.RestartAsync(cancellationToken), cancellationToken);
    }

    private static async Task RedisAsync(LabRun run, CancellationToken cancellationToken)
    {
        run.Announce("starting redis and a server that uses it");
        await using var redis = await RedisServer.StartAsync(run.Clock, cancellationToken);
        await using var proxy = new FaultyProxy(redis.Address, run.Options.Time);
        await using var server = await LimiterServer.StartAsync(run.Clock, run.Options.ServerCommand, RedisTrial.Configuration(proxy.Address), cancellationToken);
        var trial = new RedisTrial(run, server.Http, proxy, redis);
        await trial.CalmAsync(cancellationToken);
        await trial.SlowAsync(cancellationToken);
        await trial.SilentAsync(cancellationToken);
        await trial.CutAsync(cancellationToken);
        await trial.KilledAsync(cancellationToken);
    }

    private static Func<Task> Run(Action action) => () =>
    {
        action();
        return Task.CompletedTask;
    };
}

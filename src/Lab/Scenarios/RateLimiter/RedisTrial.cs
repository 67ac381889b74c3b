using System.Net;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>The limiter with Redis as its engine, Redis behind a proxy that misbehaves, and rules that differ in what they do then.</summary>
internal sealed class RedisTrial(LabRun run, IPEndPoint http, FaultyProxy proxy, RedisServer redis)
{
    private const int LimitPerSecond = 400;
    private const double OfferedPerSecond = 3 * 2 * LimitPerSecond;
    private const int SpreadKeys = 5000;
    private const string RecoversPromise = "When Redis is back, its decisions are too";
    private const string CheapPromise = "A dead Redis costs no timeout a decision: the median in the outage is under the 200 ms of a timeout, or under twice the median before";

    /// <summary>
    /// A leased key's units are taken from Redis up to a second before they are spent, so that an interval may hold one second's units
    /// more than the bucket's law says; and a node that lost Redis has a bucket of its own, judged by itself.
    /// </summary>
    private static readonly BucketShape Shape = new(LimitPerSecond, LimitPerSecond + LimitPerSecond);

    /// <summary>Three timeouts of 200 ms open the breaker; the rest is a busy machine.</summary>
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(1.5);

    /// <summary>Decisions sent this long before the outage may already be decided without Redis.</summary>
    private static readonly TimeSpan InFlight = TimeSpan.FromMilliseconds(400);

    /// <summary>The configuration of a server whose engine is behind the proxy.</summary>
    public static string Configuration(IPEndPoint proxy) => $$"""
        { "Tenfold": { "RateLimiting": { "Engine": "redis://{{proxy}}", "Rules": [
          {{Rule("open")}},
          {{Rule("closed")}},
          {{Rule("local")}} ] } } }
        """;

    public async Task CalmAsync(CancellationToken cancellationToken)
    {
        await PhaseAsync("redis warm-up", 500, run.Scaled(2), new LimiterWorkload(run.Ledger, Shape, Turns()) { LossExpected = true, ChecksLaw = false }, cancellationToken);
        await SpreadAsync(cancellationToken);
        var workload = new LimiterWorkload(run.Ledger, Shape, Turns());
        var result = await PhaseAsync("redis, three hot keys", OfferedPerSecond, run.Scaled(4), workload, cancellationToken);
        workload.Complete("redis, three hot keys");
        run.Figure("redis-hot-key-p99", result.LatencySeconds.P99, "s");
    }

    /// <summary>Redis is slow: everything is, but nothing is wrong.</summary>
    public async Task SlowAsync(CancellationToken cancellationToken)
    {
        var workload = new LimiterWorkload(run.Ledger, Shape, Turns());
        var fault = run.Faults.InjectAsync("redis 10 ms away", run.Scaled(1), run.Scaled(2.5), Do(() => proxy.Delay(TimeSpan.FromMilliseconds(5))), Do(proxy.Restore), cancellationToken);
        await PhaseAsync("redis slow", OfferedPerSecond, run.Scaled(4), workload, cancellationToken);
        await fault;
        workload.Complete("redis slow");
    }

    public Task SilentAsync(CancellationToken cancellationToken) =>
        OutageAsync("redis silent (packets dropped)", Do(proxy.Drop), Do(proxy.Restore), cancellationToken);

    public Task CutAsync(CancellationToken cancellationToken) =>
        OutageAsync("redis cut off", Do(proxy.Cut), Do(proxy.Restore), cancellationToken);

    public Task KilledAsync(CancellationToken cancellationToken) =>
        OutageAsync("redis killed (kill -9), restarted empty", redis.Process.KillAsync, () => redis.RestartAsync(cancellationToken), cancellationToken);

    /// <summary>Many keys, none hot enough to lease: each decision is one of Redis' own, and its processor time can be counted.</summary>
    private async Task SpreadAsync(CancellationToken cancellationToken)
    {
        var keys = run.Random(salt: 2);
        var workload = new LimiterWorkload(run.Ledger, new BucketShape(100, 100), () => keys.Next(SpreadKeys));
        var before = redis.Process.ProcessorTime();
        var phase = Phase("redis, many keys", 4000, run.Scaled(4), workload) with
        {
            Protocol = new HttpProtocol(http.ToString(), [.. Enumerable.Range(0, SpreadKeys).Select(key => $"/api/rate-limiter/acquire?key=spread{key}&limit=100/1s&burst=100")]),
        };
        var result = await run.PhaseAsync(phase, cancellationToken);
        workload.Complete(phase.Name);
        var used = (redis.Process.ProcessorTime() - before).TotalSeconds;
        var answers = result.Admitted + result.Rejected;
        run.Figure("redis-p99", result.LatencySeconds.P99, "s");
        if (used <= 0 || answers == 0)
            return;
        run.Figure("redis-decisions-per-second", answers / used, "{decision}/s");
        run.Note($"redis-decisions-per-second is what one processor of Redis could decide: {answers:N0} decisions took {used:0.00} s of its processor time, batched as this load batches.");
    }

    private async Task OutageAsync(string name, Func<Task> begin, Func<Task> end, CancellationToken cancellationToken)
    {
        var lasting = Notice + run.Scaled(2);
        var workload = new OutageWorkload(run.Ledger, Shape, Turns());
        var fault = run.Faults.InjectAsync(
            name,
            run.Scaled(1.5),
            lasting,
            async () =>
            {
                workload.BeginEpoch(run.Clock.Now - LabClock.Nanoseconds(InFlight));
                await begin();
                workload.MustBeNoticed(run.Clock.Now + LabClock.Nanoseconds(Notice));
            },
            async () =>
            {
                workload.Ended(run.Clock.Now);
                await end();
                workload.BeginEpoch(run.Clock.Now - LabClock.Nanoseconds(InFlight));
            },
            cancellationToken);
        await PhaseAsync(name, OfferedPerSecond, run.Scaled(1.5) + lasting + TimeSpan.FromSeconds(3) + run.Scaled(1), workload, cancellationToken);
        await fault;
        workload.Complete(name);
        var (median, before) = (workload.OutageLatency.P50, workload.LatencyBefore.P50);
        run.Figure($"{name.Split(' ')[1]}-redis-p50", median, "s");
        run.Figure($"{name.Split(' ')[1]}-redis-p99", workload.OutageLatency.P99, "s");
        // Relative as well: on a machine that is busy with other work everything takes longer, dead Redis or not.
        run.Ledger.Check(CheapPromise, median < Math.Max(0.2, 2 * before), $"'{name}': median {FigureText.Seconds(median)}, before {FigureText.Seconds(before)}");
        run.Ledger.Check(OutageWorkload.LocalPromise, workload.LocalAdmissions > 0, $"'{name}': {workload.LocalAdmissions} admitted locally");
        run.Ledger.Check(RecoversPromise, workload.AdmissionsAfter > 0, $"'{name}': {workload.AdmissionsAfter} admitted by the closed rule afterwards");
    }

    private Task<PhaseResult> PhaseAsync(string name, double rate, TimeSpan lasting, LimiterWorkload workload, CancellationToken cancellationToken) =>
        run.PhaseAsync(Phase(name, rate, lasting, workload), cancellationToken);

    private LoadPhase Phase(string name, double rate, TimeSpan lasting, LimiterWorkload workload) => new()
    {
        Name = name,
        Target = http,
        Protocol = new HttpProtocol(http.ToString(), [Target("open"), Target("closed"), Target("local")]),
        Workload = workload,
        RatePerSecond = rate,
        Duration = lasting,
        // Enough that decisions which wait for a timeout do not keep others from being sent.
        Connections = 512,
        RequestDeadline = TimeSpan.FromSeconds(5),
        Random = run.Random(),
    };

    private Func<int> Turns()
    {
        var random = run.Random(salt: 3);
        return () => random.Next(3);
    }

    private static string Target(string rule) => $"/api/rate-limiter/acquire?path=/{rule}&key=hot";

    private static string Rule(string name) => $$"""
        { "Name": "{{name}}", "Match": { "path": "/{{name}}" }, "Key": ["key"], "WhenUnavailable": "{{name}}",
            "Limits": [ { "Algorithm": "token-bucket", "Permits": {{LimitPerSecond}}, "Period": "1s", "Burst": {{LimitPerSecond}} } ] }
        """;

    private static Func<Task> Do(Action action) => () =>
    {
        action();
        return Task.CompletedTask;
    };
}

using System.Net;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>The phases of load on one limiter, over HTTP and over the Redis protocol. Each uses keys of its own, so that buckets are fresh.</summary>
internal sealed class LimiterTrial(LabRun run, IPEndPoint http, IPEndPoint resp)
{
    private const int ManyKeys = 10_000;
    private const double ZipfExponent = 1.0;
    private const int RespDepth = 16;

    /// <summary>One limit that all of a phase's keys share in shape.</summary>
    private static readonly BucketShape Wide = new(1000, 1000);

    public async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        // Code that the runtime has not yet optimised is not what a server runs: these seconds are left out of the figures, whatever the scale.
        await HttpAsync("warm-up http", 2000, TimeSpan.FromSeconds(2), Wide, Zipf(ManyKeys), ManyKeys, workload => workload with { LossExpected = true }, cancellationToken);
        await RespAsync("warm-up resp", 20_000, TimeSpan.FromSeconds(1), Wide, Zipf(ManyKeys), workload => workload with { LossExpected = true }, cancellationToken);
    }

    /// <summary>Finds how many decisions a second the HTTP face makes, then measures latency at half and at four fifths of it.</summary>
    public async Task<double> HttpThroughputAsync(Func<TimeSpan> processorTime, CancellationToken cancellationToken)
    {
        var workloads = new List<LimiterWorkload>();
        var search = await run.SaturateAsync(
            "http",
            new SaturationSearch(2000, 1.5, p99BoundSeconds: 0.25, run.Options.MaxRatePerSecond, maxSteps: 12),
            (name, rate) => Collect(workloads, HttpPhase(name, rate, run.Scaled(1.5), Wide, Zipf(ManyKeys), ManyKeys, Overload)),
            cancellationToken);
        workloads.ForEach(workload => workload.Complete("http saturation"));
        run.Figure("http-decisions-per-second", search.Peak, "{decision}/s");
        await HttpAsync("http at 50 %", search.Peak * 0.5, run.Scaled(4), Wide, Zipf(ManyKeys), ManyKeys, Calm, cancellationToken);
        var before = processorTime();
        var high = await HttpAsync("http at 80 %", search.Peak * 0.8, run.Scaled(4), Wide, Zipf(ManyKeys), ManyKeys, Calm, cancellationToken);
        var used = processorTime() - before;
        run.Figure("http-p99-at-80-percent", high.Result.LatencySeconds.P99, "s");
        run.Figure("http-processor-seconds-per-decision", used.TotalSeconds / Math.Max(1, high.Result.Admitted + high.Result.Rejected), "s");
        return search.Peak;
    }

    /// <summary>The same over pipelined <c>CL.THROTTLE</c>.</summary>
    public async Task<double> RespThroughputAsync(Func<TimeSpan> processorTime, CancellationToken cancellationToken)
    {
        var workloads = new List<LimiterWorkload>();
        var search = await run.SaturateAsync(
            "resp",
            new SaturationSearch(20_000, 1.6, p99BoundSeconds: 0.25, run.Options.MaxRatePerSecond, maxSteps: 12),
            (name, rate) => Collect(workloads, RespPhase(name, rate, run.Scaled(1.2), Wide, Zipf(ManyKeys), Overload)),
            cancellationToken);
        workloads.ForEach(workload => workload.Complete("resp saturation"));
        run.Figure("resp-decisions-per-second", search.Peak, "{decision}/s");
        var before = processorTime();
        var half = await RespAsync("resp at 50 %", search.Peak * 0.5, run.Scaled(2), Wide, Zipf(ManyKeys), Calm, cancellationToken);
        var used = processorTime() - before;
        run.Figure("resp-p99-at-50-percent", half.Result.LatencySeconds.P99, "s");
        run.Figure("resp-processor-seconds-per-decision", used.TotalSeconds / Math.Max(1, half.Result.Admitted + half.Result.Rejected), "s");
        return search.Peak;
    }

    /// <summary>Everyone wants one key, at twice its limit.</summary>
    public async Task HotKeyAsync(double saturation, CancellationToken cancellationToken)
    {
        // A bucket of a fifth of the phase rides out a stall of the machine, so that what is lost is the limiter's doing.
        var limit = Math.Max(50, Math.Round(saturation * 0.25 / 50) * 50);
        var shape = new BucketShape(limit, Math.Round(limit * run.Scaled(1).TotalSeconds));
        var (result, workload) = await HttpAsync("hot key at twice its limit", limit * 2, run.Scaled(5), shape, () => 0, 1, Calm, cancellationToken);
        run.Figure("hot-key-utilisation", workload.Utilisation, "1");
        run.Ledger.Check(
            LimiterPromises.Utilised,
            workload.Utilisation >= 0.95,
            $"{workload.Admitted} admitted, {workload.Utilisation * 100:0.0} % of what a bucket of {limit}/s gives in the time; {result.Rejected} rejected");
    }

    /// <summary>Many keys by Zipf's law, each with a small limit: the wanted ones are rejected, the others never.</summary>
    public async Task ZipfKeysAsync(double saturation, CancellationToken cancellationToken)
    {
        var (result, _) = await HttpAsync("zipf keys", saturation * 0.4, run.Scaled(4), new BucketShape(20, 20), Zipf(ManyKeys), ManyKeys, Calm, cancellationToken);
        run.Figure("zipf-rejected-part", (double)result.Rejected / Math.Max(1, result.Admitted + result.Rejected), "1");
    }

    /// <summary>A hot key over the Redis face at ten times its limit.</summary>
    public async Task RespHotKeyAsync(double saturation, CancellationToken cancellationToken)
    {
        var limit = Math.Max(50, Math.Round(saturation * 0.03 / 50) * 50);
        await RespAsync("resp hot key at ten times its limit", limit * 10, run.Scaled(2), new BucketShape(limit, limit), () => 0, Calm, cancellationToken);
    }

    /// <summary>Asks for each of many keys once and sees how the server's memory grows.</summary>
    public async Task MemoryAsync(double saturation, Func<long> residentBytes, CancellationToken cancellationToken)
    {
        var rate = Math.Max(1000, saturation * 0.6);
        var keys = (int)Math.Clamp(rate * run.Scaled(6).TotalSeconds, 1000, 1_000_000);
        var next = 0;
        var before = residentBytes();
        // One an hour: no state is as fresh again before the end.
        var phase = RespPhase("new keys", rate, TimeSpan.FromSeconds(keys / rate * 1.05), new BucketShape(1.0 / 3600, 2), () => next++, workload => workload with { ChecksLaw = false });
        phase = phase with { Name = $"{keys:N0} keys once each", MaxRequests = keys };
        var result = await run.PhaseAsync(phase, cancellationToken);
        ((LimiterWorkload)phase.Workload).Complete(phase.Name);
        var grown = Math.Max(0, residentBytes() - before);
        run.Figure("memory-per-key", (double)grown / Math.Max(1, result.Admitted), "By");
        run.Note($"Memory a key: the server's resident memory grew by {grown / (double)(1 << 20):0.0} MiB for {result.Admitted:N0} new keys; tables that doubled and memory not yet collected are in it.");
    }

    /// <summary>The process stands still for a while under load.</summary>
    public async Task PauseAsync(double saturation, Func<Task> pause, Func<Task> resume, CancellationToken cancellationToken)
    {
        var lasting = run.Scaled(1.5);
        var phase = HttpPhase("pause", saturation * 0.4, run.Scaled(5), new BucketShape(200, 100), Zipf(100), 100, workload => workload with { LossExpected = true })
            with
        { RequestDeadline = lasting + TimeSpan.FromSeconds(20) };
        var fault = run.Faults.InjectAsync("paused (SIGSTOP)", run.Scaled(1.5), lasting, pause, resume, cancellationToken);
        var result = await run.PhaseAsync(phase, cancellationToken);
        await fault;
        ((LimiterWorkload)phase.Workload).Complete("pause");
        run.Ledger.Check(LimiterPromises.Pause, result.Errors == 0,
            $"{result.Errors} lost of {result.Admitted + result.Rejected + result.Errors}; the longest wait {FigureText.Seconds(result.LatencySeconds.Max)} with a pause of {FigureText.Seconds(lasting.TotalSeconds)}");
    }

    /// <summary>The process dies without warning and is started again.</summary>
    public async Task KillAsync(double saturation, Func<Task> kill, Func<Task> restart, CancellationToken cancellationToken)
    {
        var phase = HttpPhase("kill -9 and restart", saturation * 0.3, run.Scaled(4) + TimeSpan.FromSeconds(5), new BucketShape(200, 100), Zipf(100), 100, workload => workload with { LossExpected = true })
            with
        { RequestDeadline = TimeSpan.FromSeconds(1) };
        var workload = (LimiterWorkload)phase.Workload;
        var fault = run.Faults.InjectAsync(
            "kill -9 and restart",
            run.Scaled(2),
            TimeSpan.Zero,
            async () =>
            {
                await kill();
                workload.BeginEpoch(run.Clock.Now);
            },
            restart,
            cancellationToken);
        var result = await run.PhaseAsync(phase, cancellationToken);
        await fault;
        workload.Complete("kill -9 and restart");
        var back = workload.SecondsToFirstAnswer;
        if (back is { } seconds)
            run.Figure("seconds-from-kill-to-first-answer", seconds, "s");
        run.Ledger.Check(LimiterPromises.Restarts, back is not null,
            back is null ? "no answer came after the restart" : $"first answer {FigureText.Seconds(back.Value)} after the kill; {result.Errors} requests lost meanwhile");
    }

    private static WorkloadShape Calm(WorkloadShape shape) => shape;

    private static WorkloadShape Overload(WorkloadShape shape) => shape with { LossExpected = true };

    private async Task<(PhaseResult Result, LimiterWorkload Workload)> HttpAsync(
        string name, double rate, TimeSpan lasting, BucketShape shape, Func<int> keys, int keyCount, Func<WorkloadShape, WorkloadShape> how, CancellationToken cancellationToken) =>
        await RunAsync(HttpPhase(name, rate, lasting, shape, keys, keyCount, how), cancellationToken);

    private async Task<(PhaseResult Result, LimiterWorkload Workload)> RespAsync(
        string name, double rate, TimeSpan lasting, BucketShape shape, Func<int> keys, Func<WorkloadShape, WorkloadShape> how, CancellationToken cancellationToken) =>
        await RunAsync(RespPhase(name, rate, lasting, shape, keys, how), cancellationToken);

    private async Task<(PhaseResult Result, LimiterWorkload Workload)> RunAsync(LoadPhase phase, CancellationToken cancellationToken)
    {
        var result = await run.PhaseAsync(phase, cancellationToken);
        var workload = (LimiterWorkload)phase.Workload;
        workload.Complete(phase.Name);
        return (result, workload);
    }

    private LoadPhase HttpPhase(
        string name, double rate, TimeSpan lasting, BucketShape shape, Func<int> keys, int keyCount, Func<WorkloadShape, WorkloadShape> how)
    {
        var prefix = Prefix(name);
        return new LoadPhase
        {
            Name = name,
            Target = http,
            Protocol = new HttpProtocol(http.ToString(), [.. Enumerable.Range(0, keyCount).Select(key => $"/api/rate-limiter/acquire?key={prefix}{key}&limit={shape.RatePerSecond:0}/1s&burst={shape.Burst:0}")]),
            Workload = how(new WorkloadShape(LeastRetryAfter: 1)).Make(run, shape, keys),
            RatePerSecond = rate,
            Duration = lasting,
            Connections = 64,
            RequestDeadline = TimeSpan.FromSeconds(5),
            Random = run.Random(),
        };
    }

    private LoadPhase RespPhase(string name, double rate, TimeSpan lasting, BucketShape shape, Func<int> keys, Func<WorkloadShape, WorkloadShape> how)
    {
        // CL.THROTTLE counts in whole permits a whole period, and its burst is what fits beyond the first.
        var (count, period) = shape.RatePerSecond >= 1 ? ((long)shape.RatePerSecond, 1L) : (1L, (long)Math.Round(1 / shape.RatePerSecond));
        return new LoadPhase
        {
            Name = name,
            Target = resp,
            Protocol = new ThrottleProtocol(Prefix(name), (long)shape.Burst - 1, count, period, RespDepth),
            Workload = how(new WorkloadShape(LeastRetryAfter: 0)).Make(run, shape, keys),
            RatePerSecond = rate,
            Duration = lasting,
            Connections = 8,
            RequestDeadline = TimeSpan.FromSeconds(5),
            Random = run.Random(),
        };
    }

    private Func<int> Zipf(int keys) => new ZipfKeys(keys, ZipfExponent, run.Random(salt: 1)).Next;

    private static string Prefix(string phase) => string.Concat(phase.Where(char.IsAsciiLetterOrDigit)) + "-";

    private static LoadPhase Collect(List<LimiterWorkload> workloads, LoadPhase phase)
    {
        workloads.Add((LimiterWorkload)phase.Workload);
        return phase with { RequestDeadline = TimeSpan.FromSeconds(1) };
    }

    /// <summary>How a phase's workload judges; a record, so that phases can vary it.</summary>
    internal sealed record WorkloadShape(long LeastRetryAfter, bool LossExpected = false, bool ChecksLaw = true)
    {
        public LimiterWorkload Make(LabRun run, BucketShape shape, Func<int> keys) =>
            new(run.Ledger, shape, keys) { LeastRetryAfter = LeastRetryAfter, LossExpected = LossExpected, ChecksLaw = ChecksLaw };
    }
}

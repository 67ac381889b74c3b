using Tenfold.Lab.Scenarios;
using Tenfold.Lab.Scenarios.RateLimiter;

namespace Tenfold.Lab.Tests.Scenarios;

public sealed class LimiterTrialTests
{
    /// <summary>What the fake limiter carries without trouble: the promises are tested here, not the fake's speed.</summary>
    private const double Saturation = 2000;

    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;
    private readonly ProgressLog _progress = new();

    [Fact]
    public async Task A_right_limiter_keeps_every_promise_in_every_phase()
    {
        await using var limiter = new FakeLimiter();
        var run = Run(timeScale: 0.4);
        var trial = new LimiterTrial(run, limiter.Http, limiter.Resp);

        await trial.HotKeyAsync(Saturation, _cancelled);
        await trial.ZipfKeysAsync(Saturation, _cancelled);
        await trial.RespHotKeyAsync(20_000, _cancelled);
        await trial.MemoryAsync(20_000, () => 0, _cancelled);

        var record = run.Finish();
        Assert.All(record.Promises, promise => Assert.True(promise.Kept, $"{promise.Name}: {promise.Detail}"));
        Assert.Equal(LabRecord.Kept, record.Verdict);
        Assert.Equal(4, record.Phases.Count);
        Assert.InRange(record.Figures["hot-key-utilisation"].Value, 0.95, 1.01);
        Assert.True(record.Promises.Single(promise => promise.Name == LimiterPromises.Retry).Checked > 0);
        Assert.Contains(_progress.Seen, progress => progress.Phase == "zipf keys" && progress.OfferedPerSecond > 0);
    }

    [Fact]
    public async Task A_search_for_saturation_ends_in_a_record_that_the_planner_reads()
    {
        await using var limiter = new FakeLimiter();
        var directory = Directory.CreateTempSubdirectory("tenfold-lab").FullName;
        var run = new LabRun("rate-limiter", new LabOptions { TimeScale = 0.1, MaxRatePerSecond = 3000 }, _progress, 4);
        var trial = new LimiterTrial(run, limiter.Http, limiter.Resp);

        await trial.HttpThroughputAsync(() => TimeSpan.Zero, _cancelled);
        await trial.RespThroughputAsync(() => TimeSpan.Zero, _cancelled);
        var record = run.Finish();
        await new LabRecordStore(directory).SaveAsync(record, _cancelled);

        var read = Planner.LabFigures.Latest(directory, "rate-limiter")!;
        var model = Planner.ModelCatalog.Find("rate-limiter")!;
        var plan = model.Make(new Planner.PlanRequest { Record = read });
        Assert.Equal(record.Id, read.Id);
        Assert.Equal(record.Figures["http-decisions-per-second"].Value, plan.Lines.Single(line => line.Name == "http-decisions-per-second").Value);
        Assert.Equal(record.Figures["http-p99-at-80-percent"].Value, plan.Lines.Single(line => line.Name == "http-p99-at-80-percent").Value);
        Assert.All(record.Phases, phase => Assert.True(phase.OfferedPerSecond < 3000 * 1.3, "the highest rate bounds every phase"));
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_limiter_that_gives_a_twentieth_too_much_is_caught()
    {
        await using var limiter = new FakeLimiter { RateFactor = 1.05 };
        var run = Run(timeScale: 0.4);

        await new LimiterTrial(run, limiter.Http, limiter.Resp).HotKeyAsync(Saturation, _cancelled);

        AssertBroken(run, LimiterPromises.Law);
    }

    [Fact]
    public async Task A_limiter_that_gives_too_much_over_the_Redis_protocol_is_caught()
    {
        await using var limiter = new FakeLimiter { RateFactor = 1.5 };
        var run = Run();

        await new LimiterTrial(run, limiter.Http, limiter.Resp).RespHotKeyAsync(20_000, _cancelled);

        AssertBroken(run, LimiterPromises.Law);
    }

    [Fact]
    public async Task A_limiter_that_does_not_say_when_to_retry_is_caught()
    {
        await using var limiter = new FakeLimiter { ForgetsRetryAfter = true };
        var run = Run();

        await new LimiterTrial(run, limiter.Http, limiter.Resp).HotKeyAsync(Saturation, _cancelled);

        AssertBroken(run, LimiterPromises.Retry);
    }

    [Fact]
    public async Task A_server_error_is_caught()
    {
        await using var limiter = new FakeLimiter { FailsEvery = 100 };
        var run = Run();

        await new LimiterTrial(run, limiter.Http, limiter.Resp).ZipfKeysAsync(Saturation, _cancelled);

        AssertBroken(run, LimiterPromises.NoServerError);
    }

    [Fact]
    public async Task A_limiter_that_wastes_the_limit_is_caught()
    {
        await using var limiter = new FakeLimiter { Generosity = 0.8 };
        var run = Run();

        await new LimiterTrial(run, limiter.Http, limiter.Resp).HotKeyAsync(Saturation, _cancelled);

        AssertBroken(run, LimiterPromises.Utilised);
    }

    [Fact]
    public async Task A_pause_is_measured_from_when_requests_were_due_and_loses_none()
    {
        await using var limiter = new FakeLimiter();
        var run = Run(timeScale: 0.2);

        await new LimiterTrial(run, limiter.Http, limiter.Resp).PauseAsync(Saturation, Do(limiter.Pause), Do(limiter.Resume), _cancelled);

        var record = run.Finish();
        Assert.All(record.Promises, promise => Assert.True(promise.Kept, $"{promise.Name}: {promise.Detail}"));
        var mark = Assert.Single(record.Faults);
        Assert.True(record.Phases[0].LatencySeconds.Max >= (mark.End - mark.Start) * 0.9);
        Assert.Contains(_progress.Seen, progress => progress.Fault is not null);
    }

    [Fact]
    public async Task A_limiter_may_forget_one_burst_over_a_kill_and_is_measured_back()
    {
        var limiter = new FakeLimiter();
        await using var after = new FakeLimiter();
        var run = Run();
        await using var proxy = new Tenfold.Lab.Faults.FaultyProxy(limiter.Http, TimeProvider.System);
        var trial = new LimiterTrial(run, proxy.Address, limiter.Resp);

        // The process behind the address dies; what is started again knows nothing of the old buckets.
        await trial.KillAsync(
            Saturation,
            () =>
            {
                proxy.Cut();
                limiter = new FakeLimiter();
                proxy.Upstream = limiter.Http;
                return Task.CompletedTask;
            },
            Do(proxy.Restore),
            _cancelled);

        var record = run.Finish();
        Assert.All(record.Promises, promise => Assert.True(promise.Kept, $"{promise.Name}: {promise.Detail}"));
        Assert.True(record.Figures["seconds-from-kill-to-first-answer"].Value > 0);
        await limiter.DisposeAsync();
    }

    [Fact]
    public async Task The_same_seed_offers_the_same_load()
    {
        await using var limiter = new FakeLimiter();
        var counts = new List<long>();
        for (var i = 0; i < 2; i++)
        {
            var run = Run();
            await new LimiterTrial(run, limiter.Http, limiter.Resp).ZipfKeysAsync(Saturation, _cancelled);
            counts.Add(run.Finish().Phases.Sum(phase => phase.Admitted + phase.Rejected + phase.Errors));
        }

        Assert.Equal(counts[0], counts[1]);
    }

    [Theory]
    [InlineData(0, 1000, 60, "time scale = 0")]
    [InlineData(1, 1, 60, "highest rate = 1")]
    [InlineData(1, 1000, 0, "deadline = 00:00:00")]
    public void Options_out_of_range_are_named(double scale, double rate, int deadline, string named)
    {
        var fault = Assert.Throws<LabException>(new LabOptions { TimeScale = scale, MaxRatePerSecond = rate, Deadline = TimeSpan.FromSeconds(deadline) }.Validate);

        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_start_is_explained()
    {
        var options = new LabOptions { ServerCommand = ["/bin/sh", "-c", "echo no such command >&2; exit 2", "sh"], DataDirectory = Path.Combine(Path.GetTempPath(), "tenfold-lab-never") };

        var fault = await Assert.ThrowsAsync<LabException>(() => ScenarioCatalog.Find("rate-limiter")!.RunAsync(options, null, _cancelled));

        Assert.Contains("ended with code 2", fault.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(options.DataDirectory), "nothing is recorded of a run that was none");
    }

    private LabRun Run(double timeScale = 0.1) => new("test", new LabOptions { TimeScale = timeScale, Seed = 42 }, _progress, 4);

    private static void AssertBroken(LabRun run, string promise)
    {
        var record = run.Finish();
        Assert.Equal(LabRecord.Broken, record.Verdict);
        Assert.False(record.Promises.Single(result => result.Name == promise).Kept);
    }

    private static Func<Task> Do(Action action) => () =>
    {
        action();
        return Task.CompletedTask;
    };

    private sealed class ProgressLog : IProgress<LabProgress>
    {
        private readonly Lock _gate = new();
        private readonly List<LabProgress> _seen = [];

        public IReadOnlyList<LabProgress> Seen
        {
            get
            {
                lock (_gate)
                    return [.. _seen];
            }
        }

        public void Report(LabProgress value)
        {
            lock (_gate)
                _seen.Add(value);
        }
    }
}

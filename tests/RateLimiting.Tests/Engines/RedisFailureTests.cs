using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>What the Redis engine does when its server fails (RAT-3): unavailable at once, and back by itself.</summary>
public sealed class RedisFailureTests
{
    private static readonly Limit Hourly = Limit.Create("hourly", LimitAlgorithm.TokenBucket, 1000, TimeSpan.FromHours(1));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("kill")]
    [InlineData("pause")]
    public async Task A_dead_server_costs_a_few_failures_and_then_no_wait_at_all(string fault)
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisStores.Options(server);
        options.CallTimeout = TimeSpan.FromMilliseconds(200);
        await using var store = RedisStores.Store(options, runByItself: true);
        await AnswersAsync(store);

        if (fault == "kill")
            server.Kill();
        else
            server.Pause();
        await UntilOpenAsync(store);

        // From here on nobody waits: no call is made, and each verdict is there when the method returns.
        var calls = store.Statistics.Calls;
        var outcomes = new LimitOutcome[1];
        for (var i = 0; i < 10_000; i++)
        {
            var decision = store.AcquireAsync(new LimitCheck[] { new(Hourly, $"key-{i}") }, outcomes, Cancel);
            Assert.True(decision.IsCompletedSuccessfully);
            Assert.Equal(StoreVerdict.Unavailable, await decision);
        }

        var reservation = store.ReserveAsync("r", new LimitCheck[] { new(Hourly, "a", Hold: true) }, outcomes, TimeSpan.FromSeconds(1), Cancel);
        Assert.True(reservation.IsCompletedSuccessfully);
        Assert.Equal(SettleOutcome.Unavailable, await store.EndAsync("r", 1));
        Assert.Equal(calls, store.Statistics.Calls);

        if (fault == "kill")
            await server.RestartAsync();
        else
            server.Resume();
        await AnswersAsync(store);
    }

    [Fact]
    public async Task Decisions_under_way_when_the_server_dies_all_end()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisStores.Options(server);
        options.CallTimeout = TimeSpan.FromMilliseconds(200);
        await using var store = RedisStores.Store(options);
        await AnswersAsync(store);
        server.Pause();
        var verdicts = await Task.WhenAll(Enumerable.Range(0, 5000).Select(i => store.AskAsync(Hourly, $"key-{i}"))).WaitAsync(Eventually.Deadline, Cancel);
        Assert.All(verdicts, v => Assert.Equal(StoreVerdict.Unavailable, v.Verdict));

        // Only the calls under way waited; those behind them were refused by the breaker.
        Assert.InRange(store.Statistics.FailedCalls, 1, options.FailuresToOpen + options.MaxCallsInFlight);
        server.Resume();
    }

    [Fact]
    public async Task More_waiting_decisions_than_allowed_are_unavailable_at_once()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisStores.Options(server);
        options.MaxQueuedDecisions = 10;
        options.MaxBatchChecks = 1;
        await using var store = RedisStores.Store(options);
        await AnswersAsync(store);
        server.Pause();
        var decisions = Enumerable.Range(0, 100).Select(_ => store.AskAsync(Hourly, "a")).ToList();
        var refused = decisions.Count(d => d.IsCompleted);
        Assert.InRange(refused, 100 - 10 - options.MaxCallsInFlight, 100 - 10);
        server.Resume();
        var verdicts = await Task.WhenAll(decisions);
        Assert.Equal(100 - refused, verdicts.Count(v => v.Verdict == StoreVerdict.Admitted));
        Assert.Equal(refused, verdicts.Count(v => v.Verdict == StoreVerdict.Unavailable));
    }

    [Fact]
    public async Task A_server_that_is_not_there_yet_is_found_later()
    {
        await using var server = await RedisServer.StartAsync();
        server.Kill();
        var options = RedisStores.Options(server);
        options.ConnectTimeout = TimeSpan.FromMilliseconds(500);
        await using var store = RedisStores.Store(options);
        await UntilOpenAsync(store);
        Assert.NotNull(store.LastFault);
        await server.RestartAsync();
        await AnswersAsync(store);
    }

    [Fact]
    public async Task A_lost_script_is_sent_again()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = RedisStores.Store(RedisStores.Options(server));
        await AnswersAsync(store);
        await server.CommandAsync("SCRIPT", "FLUSH");
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(Hourly, "b")).Verdict);
        Assert.Equal(999, (await store.LookAsync(Hourly, "b")).Remaining);
        Assert.Equal(0, store.Statistics.FailedCalls);
    }

    [Theory]
    [InlineData("OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")]
    [InlineData("READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE")]
    public async Task A_server_that_cannot_write_is_unavailable_until_it_can(string reason, string fault, string remedy)
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = RedisStores.Store(RedisStores.Options(server));
        await AnswersAsync(store);
        await server.CommandAsync(fault.Split(' '));
        Assert.Equal(StoreVerdict.Unavailable, (await store.AskAsync(Hourly, "b")).Verdict);
        Assert.Contains(reason, store.LastFault, StringComparison.Ordinal);
        await UntilOpenAsync(store);

        // It answers, so a ping would call it healthy; the probe must not.
        var probes = store.Statistics.Probes;
        await Eventually.HoldsAsync(() => store.Statistics.Probes >= probes + 2, "two more probes");
        Assert.False(store.IsAvailable);
        await server.CommandAsync(remedy.Split(' '));
        await AnswersAsync(store);
        Assert.Equal(1000, (await store.LookAsync(Hourly, "b")).Remaining);
    }

    [Fact]
    public async Task A_wrong_password_is_unavailable_and_says_so()
    {
        await using var server = await RedisServer.StartAsync("secret", []);
        var options = RedisStores.Options(server);
        options.Address = $"redis://:wrong%40@127.0.0.1:{server.Port}";
        options.ConnectTimeout = TimeSpan.FromMilliseconds(500);
        await using var store = RedisStores.Store(options);
        await UntilOpenAsync(store);
        await Eventually.HoldsAsync(() => store.LastFault!.Contains("pass", StringComparison.OrdinalIgnoreCase), "a fault that names the password");

        options = RedisStores.Options(server);
        options.Address = $"redis://:secret@127.0.0.1:{server.Port}/3";
        await using var right = RedisStores.Store(options);
        await AnswersAsync(right);
    }

    [Fact]
    public async Task A_key_that_holds_something_else_is_unavailable_untouched_and_no_burden_to_others()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisStores.Options(server, prefix: "other");
        await using var store = RedisStores.Store(options);
        await AnswersAsync(store);
        await server.CommandAsync("RPUSH", "{other}:k:6:hourly:list", "x");
        await server.CommandAsync("SET", "{other}:k:6:hourly:text", "x");
        var asked = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => store.AskAsync(Hourly, (i % 3) switch { 0 => "list", 1 => "text", _ => "good" })));
        Assert.Equal(20, asked.Count(a => a.Verdict == StoreVerdict.Unavailable));
        Assert.Equal(10, asked.Count(a => a.Verdict == StoreVerdict.Admitted));
        var outcomes = new LimitOutcome[2];
        Assert.Equal(StoreVerdict.Unavailable, await store.AcquireAsync(new LimitCheck[] { new(Hourly, "good"), new(Hourly, "list") }, outcomes, Cancel));
        Assert.Equal(990, (await store.LookAsync(Hourly, "good")).Remaining);
        Assert.True(store.IsAvailable);
        Assert.Equal("1", await server.CommandAsync("LLEN", "{other}:k:6:hourly:list"));
    }

    [Fact]
    public async Task On_a_cluster_any_limits_are_decided_together()
    {
        await using var server = await RedisServer.StartAsync("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
        await server.CommandAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await Eventually.HoldsAsync(async () => await server.CommandAsync("CLUSTER", "INFO") == "cluster_state:ok", "the cluster to be up");
        await using var store = RedisStores.Store(RedisStores.Options(server));
        await AnswersAsync(store);
        var log = Limit.Create("log", LimitAlgorithm.SlidingWindowLog, 5, TimeSpan.FromHours(1));
        var outcomes = new LimitOutcome[3];
        LimitCheck[] checks = [new(Hourly, "one"), new(Hourly, "two"), new(log, "three")];
        Assert.Equal(StoreVerdict.Admitted, await store.AcquireAsync(checks, outcomes, Cancel));
        Assert.Equal(StoreVerdict.Admitted, (await store.HoldAsync("r", log, "three", 2, TimeSpan.FromMinutes(1))).Verdict);
        Assert.Equal(SettleOutcome.Settled, await store.EndAsync("r", 1));
        Assert.Equal(3, (await store.LookAsync(log, "three")).Remaining);
        Assert.Equal(0, store.Statistics.FailedCalls);
    }

    [Fact]
    public async Task Every_key_expires_and_none_before_it_is_as_if_unused()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisStores.Options(server, prefix: "ttl");
        await using var store = RedisStores.Store(options);
        foreach (var algorithm in Enum.GetValues<LimitAlgorithm>())
        {
            if (algorithm == LimitAlgorithm.Concurrency)
                continue;
            var limit = Limit.Create($"ttl-{algorithm}", algorithm, 10, TimeSpan.FromSeconds(100));
            var asked = await store.AskAsync(limit, "a", 10);
            var id = limit.Id;
            var lives = long.Parse(await server.CommandAsync("PTTL", $"{{ttl}}:k:{id.Length}:{id}:a"));
            Assert.InRange(lives, asked.Outcome.ResetAfter.TotalMilliseconds - 5000, 200_000 + 60_000);
            var needed = algorithm == LimitAlgorithm.SlidingWindowCounter ? 100_000 : 0;
            Assert.InRange(lives, needed, long.MaxValue);
        }

        await store.HoldAsync("r", Hourly, "a", 5, TimeSpan.FromSeconds(10));
        await store.HoldAsync("c", Limit.Create("places", LimitAlgorithm.Concurrency, 5, TimeSpan.Zero), "a", 5, TimeSpan.FromSeconds(10));
        Assert.Equal("0", await server.CommandAsync(
            "EVAL", "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('PTTL', k) < 0 then n = n + 1 end end return n", "0"));
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_is_let_go()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = RedisStores.Store(RedisStores.Options(server));
        await AnswersAsync(store);
        server.Pause();
        using var stop = new CancellationTokenSource();
        var outcomes = new LimitOutcome[1];
        var decision = store.AcquireAsync(new LimitCheck[] { new(Hourly, "a") }, outcomes, stop.Token).AsTask();
        var reservation = store.ReserveAsync("r", new LimitCheck[] { new(Hourly, "a") }, outcomes, TimeSpan.FromSeconds(1), stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => decision);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reservation);
        server.Resume();
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(Hourly, "b")).Verdict);
    }

    [Theory]
    [InlineData("redis://")]
    [InlineData("http://host")]
    [InlineData("redis://host:0")]
    [InlineData("redis://host:99999")]
    [InlineData("redis://host/x")]
    [InlineData("redis://ho st")]
    public void A_bad_address_is_named(string address) => Assert.NotNull(RedisAddress.Check(address));

    [Fact]
    public void An_address_is_read()
    {
        var options = RedisAddress.Parse("rediss://me:p%40ss@one:7000,two/4");
        Assert.Equal((true, "me", "p@ss", 4), (options.Ssl, options.User, options.Password, options.DefaultDatabase));
        Assert.Equal(2, options.EndPoints.Count);
    }

    private static Task UntilOpenAsync(RedisLimitStore store) =>
        Eventually.HoldsAsync(
            async () =>
            {
                await store.AskAsync(Hourly, "open");
                return !store.IsAvailable;
            },
            "the breaker to open");

    private static Task AnswersAsync(RedisLimitStore store) =>
        Eventually.HoldsAsync(async () => (await store.AskAsync(Hourly, "probe")).Verdict == StoreVerdict.Admitted, $"an answer ({store.LastFault})");
}

using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>Leases (RAT-2, RAT-6): hot keys decided in the node, the sum over all nodes never over the limit.</summary>
public sealed class RedisLeaseTests(RedisServerFixture fixture) : IClassFixture<RedisServerFixture>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private RedisServer Server => fixture.Server;

    [Fact]
    public async Task Eight_nodes_under_shifting_skew_use_the_limit_and_hardly_ask_Redis()
    {
        var limit = Limit.Create("skew", LimitAlgorithm.TokenBucket, 50_000, TimeSpan.FromSeconds(1));
        await using var fleet = new RedisFleet(Server, "skew", limit, nodes: 8, strict: false);

        // Zipf over the nodes, 250,000 a second in all, and each second another node is the busiest.
        var shift = 0;
        double PerSecond(int node) => 250_000 / 2.717857 / (((node + shift) % 8) + 1);
        await fleet.RunAsync(TimeSpan.FromSeconds(1), PerSecond);
        var (decisions, admitted, calls) = (fleet.Decisions, fleet.Admitted, fleet.Calls);
        await fleet.RunAsync(TimeSpan.FromSeconds(4), PerSecond, () =>
        {
            shift++;
            return Task.CompletedTask;
        });

        Assert.Equal(0, fleet.OverAdmitted);
        Assert.InRange((fleet.Admitted - admitted) / (4.0 * limit.Permits), 0.97, 1.2);
        Assert.InRange((fleet.Calls - calls) / (double)(fleet.Decisions - decisions), 0, 0.001);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("cut before the call")]
    [InlineData("cut before the answer")]
    [InlineData("crash")]
    [InlineData("clock steps forward")]
    [InlineData("clock steps back")]
    [InlineData("server forgets everything")]
    public async Task Strict_leases_never_admit_one_unit_too_many(string fault)
    {
        var limit = Limit.Create("strict", LimitAlgorithm.TokenBucket, 2000, TimeSpan.FromSeconds(1));
        var prefix = "strict-" + string.Concat(fault.Where(char.IsAsciiLetter));
        await Server.FlushAsync();
        await using var fleet = new RedisFleet(Server, prefix, limit, nodes: 4, strict: true);
        await fleet.RunAsync(TimeSpan.FromSeconds(4), node => 400 * (node + 1));
        var before = fleet.Admitted;
        Assert.InRange(before, 1, long.MaxValue);

        switch (fault)
        {
            case "cut before the call":
                Array.Fill(fleet.Cut, RedisCallLoss.Request, 0, 3);
                break;
            case "cut before the answer":
                Array.Fill(fleet.Cut, RedisCallLoss.Answer, 0, 3);
                break;
            case "crash":
                fleet.Crash(3);
                fleet.Crash(2);
                break;
            case "clock steps forward":
                fleet.ServerClock.Advance(TimeSpan.FromMilliseconds(500));
                break;
            case "clock steps back":
                fleet.ServerClock.AdjustTime(fleet.ServerClock.GetUtcNow() - TimeSpan.FromMilliseconds(500));
                break;
            case "server forgets everything":
                await Server.FlushAsync();
                break;
        }

        await fleet.RunAsync(TimeSpan.FromSeconds(2), node => 400 * (node + 1));
        Array.Fill(fleet.Cut, RedisCallLoss.None);
        await fleet.RunAsync(TimeSpan.FromSeconds(3), node => 400 * (node + 1));
        Assert.Equal(0, fleet.OverAdmitted);

        // And it goes on: the loss is at most a lease's time and, where everything was forgotten, a burst's.
        Assert.InRange(fleet.Admitted - before, 2000, long.MaxValue);
    }

    [Fact]
    public async Task A_rejection_is_kept_here_until_it_is_worth_asking_again()
    {
        var limit = Limit.Create("slow", LimitAlgorithm.TokenBucket, 10, TimeSpan.FromSeconds(10));
        await using var fleet = new RedisFleet(Server, "slow", limit, nodes: 1, strict: false);
        await fleet.RunAsync(TimeSpan.FromSeconds(3), _ => 10_000);
        Assert.Equal(0, fleet.OverAdmitted);
        Assert.InRange(fleet.Admitted, 11, 13);
        var statistics = fleet.Nodes[0].Statistics;
        Assert.InRange(statistics.LeasedRejections, 25_000, 30_000);

        // Exact where it matters: the wait that is told is the bucket's own, not the lease's.
        var outcomes = new LimitOutcome[1];
        Assert.Equal(StoreVerdict.Rejected, await fleet.Nodes[0].AcquireAsync(new LimitCheck[] { new(limit, "all") }, outcomes, Cancel));
        Assert.InRange(outcomes[0].RetryAfter, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task An_idle_lease_is_given_back_whole_and_a_leaving_node_keeps_nothing()
    {
        var limit = Limit.Create("back", LimitAlgorithm.FixedWindow, 10_000, TimeSpan.FromDays(1));
        await using var fleet = new RedisFleet(Server, "back", limit, nodes: 2, strict: false);
        await fleet.RunAsync(TimeSpan.FromSeconds(1), _ => 2000);
        Assert.InRange(fleet.Nodes[0].Statistics.LeasedAdmissions, 1000, 2000);
        await fleet.RunAsync(TimeSpan.FromSeconds(1), _ => 0);
        Assert.Equal(10_000 - fleet.Admitted, await RemainingAsync("back", limit, fleet));

        await fleet.RunAsync(TimeSpan.FromSeconds(1), _ => 1000);
        await fleet.DisposeAsync();
        Assert.Equal(10_000 - fleet.Admitted, await RemainingAsync("back", limit, fleet));
    }

    [Fact]
    public async Task A_dead_nodes_lease_is_charged_when_it_runs_out_and_no_sooner_given_to_others()
    {
        var limit = Limit.Create("dead", LimitAlgorithm.FixedWindow, 10_000, TimeSpan.FromDays(1));
        await using var fleet = new RedisFleet(Server, "dead", limit, nodes: 1, strict: false);
        await fleet.RunAsync(TimeSpan.FromSeconds(1), _ => 3000);
        fleet.Crash(0);
        var stranded = 10_000 - fleet.Admitted - await RemainingAsync("dead", limit, fleet);
        Assert.InRange(stranded, 0, 10_000 / 8);
        await fleet.RunAsync(TimeSpan.FromSeconds(3), _ => 0);
        Assert.Equal(10_000 - fleet.Admitted - stranded, await RemainingAsync("dead", limit, fleet));
    }

    [Fact]
    public async Task In_real_time_by_itself_a_hot_key_is_leased_spent_exactly_and_given_back()
    {
        var limit = Limit.Create("real", LimitAlgorithm.FixedWindow, 2_000_000, TimeSpan.FromDays(100));
        var stores = Enumerable.Range(0, 3).Select(_ => RedisStores.Store(RedisStores.Options(Server, leases: true, prefix: "real"), runByItself: true)).ToArray();
        var admitted = new long[stores.Length];
        using var stop = new CancellationTokenSource();
        var load = stores.Select((store, i) => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested && admitted[i] < 600_000)
            {
                if ((await store.AskAsync(limit, "all")).Verdict == StoreVerdict.Admitted)
                    admitted[i]++;
            }
        })).ToArray();
        await Eventually.HoldsAsync(() => stores.All(store => store.Statistics.LeasedAdmissions > 20_000), "every node to spend leased units");
        await stop.CancelAsync();
        await Task.WhenAll(load);
        foreach (var store in stores)
            await store.DisposeAsync();
        await using var other = RedisStores.Store(RedisStores.Options(Server, prefix: "real"));
        Assert.Equal(2_000_000 - admitted.Sum(), (await other.LookAsync(limit, "all")).Remaining);
    }

    [Fact]
    public async Task Several_hot_limits_are_spent_together_or_not_at_all()
    {
        var clock = RedisStores.Clock();
        await using var store = RedisStores.Store(Hot(RedisStores.Options(Server, clock, leases: true, "pair")), clock);
        var wide = Limit.Create("wide", LimitAlgorithm.FixedWindow, 100_000, TimeSpan.FromDays(1));
        var narrow = Limit.Create("narrow", LimitAlgorithm.FixedWindow, 500, TimeSpan.FromDays(1));
        var outcomes = new LimitOutcome[2];
        var admitted = 0;
        for (var ms = 0; ms < 2000; ms++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            if (ms % 10 == 0)
                await store.Leases.TickAsync();
            if (await store.AcquireAsync(new LimitCheck[] { new(wide, "w"), new(narrow, "n") }, outcomes, Cancel) == StoreVerdict.Admitted)
                admitted++;
        }

        Assert.Equal(500, admitted);
        Assert.InRange(store.Statistics.LeasedAdmissions, 300, 500);
        await store.DisposeAsync();
        await using var other = RedisStores.Store(RedisStores.Options(Server, clock, prefix: "pair"));
        Assert.Equal(100_000 - 500, (await other.LookAsync(wide, "w")).Remaining);
    }

    [Fact]
    public async Task A_thousand_keys_more_than_allowed_are_decided_in_Redis()
    {
        var clock = RedisStores.Clock();
        var options = Hot(RedisStores.Options(Server, clock, leases: true, "many"));
        options.Leases.MaxKeys = 10;
        await using var store = RedisStores.Store(options, clock);
        var limit = Limit.Create("many", LimitAlgorithm.FixedWindow, 50, TimeSpan.FromDays(1));
        var admitted = 0;
        for (var ms = 0; ms < 400; ms++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            if (ms % 10 == 0)
                await store.Leases.TickAsync();
            for (var key = 0; key < 20; key++)
                admitted += (await store.AskAsync(limit, $"k{key}")).Verdict == StoreVerdict.Admitted ? 1 : 0;
        }

        Assert.Equal(20 * 50, admitted);
    }

    private async Task<long> RemainingAsync(string prefix, Limit limit, RedisFleet fleet)
    {
        await using var other = RedisStores.Store(RedisStores.Options(Server, fleet.ServerClock, prefix: prefix));
        return (await other.LookAsync(limit, "all")).Remaining;
    }

    private static RedisStoreOptions Hot(RedisStoreOptions options)
    {
        options.Leases.HotDecisionsPerSecond = 50;
        return options;
    }
}

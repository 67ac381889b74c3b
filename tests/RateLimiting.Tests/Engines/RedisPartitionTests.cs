using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>
/// The error of the limit while nodes are cut from Redis (RAT-6), each row of docs/systems/rate-limiter-partitions.md: on both sides of
/// the cut and on healing. Eight nodes, traffic by Zipf's law over them, twice what the limit gives, virtual time.
/// </summary>
public sealed class RedisPartitionTests(RedisServerFixture fixture) : IClassFixture<RedisServerFixture>
{
    private const int Count = 8;
    private const double Rate = 1000;

    private readonly Limit _limit = Limit.Create("shared", LimitAlgorithm.TokenBucket, (long)Rate, TimeSpan.FromSeconds(1));

    [Fact]
    public async Task Fail_closed_admits_nothing_once_its_leases_are_spent()
    {
        await using var fleet = await StartAsync("closed");
        CutOff(fleet, Count);
        await fleet.RunAsync(TimeSpan.FromSeconds(2), Demand);
        var admitted = fleet.Admitted;
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        Assert.Equal(0, fleet.Admitted - admitted);
        Assert.Equal(0, fleet.OverAdmitted);
    }

    [Fact]
    public async Task Fail_open_admits_all_that_is_asked()
    {
        await using var fleet = await StartAsync("open");
        fleet.WhenUnavailable = _ => Task.FromResult(true);
        CutOff(fleet, Count);
        await fleet.RunAsync(TimeSpan.FromSeconds(2), Demand);
        var (admitted, decisions) = (fleet.Admitted, fleet.Decisions);
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        Assert.Equal(fleet.Decisions - decisions, fleet.Admitted - admitted);
        Assert.InRange((fleet.Admitted - admitted) / (5 * Rate), 1.9, 2.1);
    }

    [Fact]
    public async Task Local_shares_keep_the_limit_while_Redis_is_dead_for_a_minute()
    {
        await using var fleet = await StartAsync("local");
        await using var local = new LocalShares(fleet);
        CutOff(fleet, Count);
        var admitted = fleet.Admitted;
        await fleet.RunAsync(TimeSpan.FromSeconds(60), Demand);
        Assert.InRange((fleet.Admitted - admitted) / (60 * Rate), 0.9, 1.1);

        // On healing Redis knows nothing of what was admitted here: at most a burst more.
        admitted = fleet.Admitted;
        await HealAsync(fleet);
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        Assert.InRange((fleet.Admitted - admitted) / Rate, 4, 5 + 1 + 1.1);
    }

    [Fact]
    public async Task Local_shares_on_one_side_add_at_most_their_shares_to_the_limit()
    {
        await using var fleet = await StartAsync("halves");
        await using var local = new LocalShares(fleet);

        // The four busiest are cut; the other four have Redis, and the limit, to themselves.
        CutOff(fleet, Count / 2);
        var shares = Enumerable.Range(0, Count / 2).Sum(i => fleet.Nodes[i].ShareOf(_limit, "all"));
        var admitted = fleet.Admitted;
        await fleet.RunAsync(TimeSpan.FromSeconds(20), Demand);
        Assert.InRange((fleet.Admitted - admitted) / Rate, 20 * 0.9, (20 * (1 + shares)) + 1 + 1);

        admitted = fleet.Admitted;
        await HealAsync(fleet);
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        Assert.InRange((fleet.Admitted - admitted) / Rate, 4, 5 + 1 + 1.1);
    }

    [Fact]
    public async Task Strict_leases_add_nothing_on_either_side_and_nothing_on_healing()
    {
        await using var fleet = await StartAsync("strict", strict: true);
        CutOff(fleet, Count / 2);
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        var admitted = fleet.Admitted;
        await HealAsync(fleet);
        await fleet.RunAsync(TimeSpan.FromSeconds(5), Demand);
        Assert.Equal(0, fleet.OverAdmitted);
        Assert.InRange((fleet.Admitted - admitted) / (5 * Rate), 0.9, 1.2);
    }

    [Fact]
    public async Task Shares_follow_the_traffic_sum_to_one_and_leave_the_idle_a_floor()
    {
        await using var fleet = await StartAsync("sum");
        var shares = fleet.Nodes.Select(node => node.ShareOf(_limit, "all")).ToArray();
        Assert.InRange(shares.Sum(), 0.99, 1.01);
        Assert.All(fleet.Nodes, node => Assert.Equal(Count, node.Share.Nodes));
        for (var i = 0; i < Count; i++)
            Assert.InRange(shares[i], (0.95 * Part(i)) + (0.05 / Count) - 0.02, (0.95 * Part(i)) + (0.05 / Count) + 0.02);

        // A key of its own that nobody was asked for is shared as its limit is, a limit that nobody was asked for evenly.
        Assert.InRange(fleet.Nodes.Sum(node => node.ShareOf(_limit, "new")), 0.97, 1.03);
        Assert.InRange(fleet.Nodes[0].ShareOf(_limit, "new"), shares[0] - 0.05, shares[0] + 0.05);
        Assert.Equal(1.0 / Count, fleet.Nodes[0].ShareOf(Limit.Create("other", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromSeconds(1)), "x"), 6);

        // A node that went is forgotten after three heartbeats, and its part goes to the rest.
        var gone = fleet.Nodes[0];
        for (var second = 0; second < 5; second++)
        {
            await fleet.RunAsync(TimeSpan.FromSeconds(1), i => i == 0 ? 0 : Demand(i));
            for (var i = 1; i < Count; i++)
                await fleet.Nodes[i].Share.BeatAsync();
        }

        Assert.Equal(Count - 1, fleet.Nodes[1].Share.Nodes);
        Assert.InRange(fleet.Nodes.Skip(1).Sum(node => node.ShareOf(_limit, "all")), 0.97, 1.03);
        Assert.Equal(Count, gone.Share.Nodes);
    }

    private static double Part(int node) => 1 / 2.717857 / (node + 1);

    private static double Demand(int node) => 2 * Rate * Part(node);

    private static void CutOff(RedisFleet fleet, int nodes) => Array.Fill(fleet.Cut, RedisCallLoss.Request, 0, nodes);

    private static async Task BeatAsync(RedisFleet fleet)
    {
        foreach (var node in fleet.Nodes)
            await node.Share.BeatAsync();
    }

    /// <summary>The nodes have run for ten seconds and know each other's traffic.</summary>
    private async Task<RedisFleet> StartAsync(string prefix, bool strict = false)
    {
        var fleet = new RedisFleet(fixture.Server, "partition-" + prefix, _limit, Count, strict);
        await fleet.RunAsync(TimeSpan.FromSeconds(10), Demand, () => BeatAsync(fleet));
        await BeatAsync(fleet);
        await BeatAsync(fleet);
        return fleet;
    }

    /// <summary>The cut ends; each node's probe finds the server again.</summary>
    private static async Task HealAsync(RedisFleet fleet)
    {
        Array.Fill(fleet.Cut, RedisCallLoss.None);
        await Eventually.HoldsAsync(
            () =>
            {
                // Probes run by the nodes' clocks; nothing is asked meanwhile.
                fleet.Time.Advance(TimeSpan.FromMilliseconds(10));
                return fleet.Nodes.All(node => node.IsAvailable);
            },
            "every node to find Redis again");
    }

    /// <summary>What a rule with <c>local</c> does: each node counts its share of the limit by itself.</summary>
    private sealed class LocalShares : IAsyncDisposable
    {
        private readonly RedisFleet _fleet;
        private readonly EmbeddedLimitStore[] _stores;
        private readonly Limit?[] _limits;

        public LocalShares(RedisFleet fleet)
        {
            _fleet = fleet;
            _limits = new Limit?[fleet.Nodes.Length];
            _stores = [.. fleet.Nodes.Select(_ => new EmbeddedLimitStore(new EmbeddedStoreOptions(), fleet.Time, NullLoggerFactory.Instance))];
            fleet.WhenUnavailable = AdmitsAsync;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var store in _stores)
                await store.DisposeAsync();
        }

        private async Task<bool> AdmitsAsync(int node)
        {
            var whole = _fleet.Limit;
            var limit = _limits[node] ??= Limit.Create(
                whole.Id, whole.Algorithm, Math.Max(1, (long)(whole.Permits * _fleet.Nodes[node].ShareOf(whole, "all"))), whole.Period);
            return (await _stores[node].AskAsync(limit, "all")).Verdict == StoreVerdict.Admitted;
        }
    }
}

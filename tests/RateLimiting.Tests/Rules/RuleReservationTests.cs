using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>What is held by rules: by whom, until when, and where while the engine is away.</summary>
public sealed class RuleReservationTests
{
    private const string OneAtATime = """{ "Rules": [ { "Name": "c", "Limits": [ { "Algorithm": "concurrency", "Permits": 1 } ] } ] }""";
    private const string Tokens = """{ "Rules": [ { "Name": "t", "Cost": 2, "Limits": [ { "Permits": 100, "Period": "1d" } ] } ] }""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_concurrency_limit_is_held_until_settled_and_only_looked_at_by_those_who_cannot_hold()
    {
        await using var host = new RuleHost(OneAtATime);
        Assert.True((await host.AskAsync(1)).Admitted);
        Assert.True((await ReserveAsync(host, "a")).Admitted);
        Assert.False((await ReserveAsync(host, "b")).Admitted);
        var denied = await host.AskAsync(1);
        Assert.False(denied.Admitted);
        Assert.Equal(Timeout.InfiniteTimeSpan, denied.RetryAfter);

        await host.Limiter.SettleAsync("a", 0, Token);
        Assert.True((await host.AskAsync(1)).Admitted);
        Assert.True((await ReserveAsync(host, "c")).Admitted);
        host.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.True((await ReserveAsync(host, "d")).Admitted);
    }

    [Fact]
    public async Task What_was_reserved_while_the_engine_was_away_is_settled_here()
    {
        var store = new ElsewhereStore { Away = true };
        await using var host = new RuleHost(Tokens, store);
        Assert.Equal(80, (await ReserveAsync(host, "r", cost: 10)).Limits[0].Outcome.Remaining);
        store.Away = false;
        Assert.Equal(SettleOutcome.Settled, await host.Limiter.SettleAsync("r", 4, Token));
        Assert.Equal(SettleOutcome.Unknown, await host.Limiter.SettleAsync("never", 4, Token));
        store.Away = true;
        Assert.Equal(90, (await host.AskAsync(1)).Limits[0].Outcome.Remaining);
    }

    [Fact]
    public async Task A_dry_run_holds_and_settles_apart()
    {
        await using var host = new RuleHost(
            """
            { "Rules": [ { "Name": "real", "Limits": [ { "Permits": 100, "Period": "1d" } ] },
                         { "Name": "dry", "DryRun": true, "Limits": [ { "Algorithm": "concurrency", "Permits": 10 }, { "Name": "day", "Permits": 50, "Period": "1d" } ] } ] }
            """);
        Assert.Equal([90L, 0L, 40L], (await ReserveAsync(host, "a", cost: 10)).Limits.Select(l => l.Outcome.Remaining));
        var second = await ReserveAsync(host, "b");
        Assert.True(second.Admitted);
        Assert.Equal([true, false, true], second.Limits.Select(l => l.Outcome.HasRoom));
        await host.Limiter.SettleAsync("a", 3, Token);
        Assert.Equal([96L, 10L, 47L], (await host.PeekAsync()).Limits.Select(l => l.Outcome.Remaining));
    }

    [Theory]
    [InlineData(0.001, 100)]
    [InlineData(0.037, 1000)]
    [InlineData(0.3, 7)]
    [InlineData(0.9, 50)]
    public async Task A_nodes_share_keeps_its_rate_however_small(double share, long permits)
    {
        await using var host = new RuleHost(
            $$"""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": {{permits}}, "Period": "1m" } ] } ] }""", new ElsewhereStore { Away = true, Share = share });
        var admitted = 0;
        const int Minutes = 500;
        for (var second = 0; second < Minutes * 60; second++)
        {
            while ((await host.AskAsync(1)).Admitted)
                admitted++;
            host.Time.Advance(TimeSpan.FromSeconds(1));
        }

        // A burst to begin with, then the rate; shares are rounded by 2.2 % at most, and each second loses at most what comes within it.
        var expected = share * permits * Minutes;
        Assert.InRange(admitted, (0.96 * expected) - 1, (1.04 * expected) + Math.Max(1, permits * share));
    }

    private static async Task<RateLimitDecision> ReserveAsync(RuleHost host, string id, long cost = 1) =>
        await host.Limiter.ReserveAsync(id, RuleHost.Request(cost), TimeSpan.FromMinutes(1), Token);
}

using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>RAT-7: each rule says what happens while the engine cannot be asked.</summary>
public sealed class RuleUnavailableTests
{
    [Fact]
    public async Task An_open_rule_admits_and_a_closed_one_rejects()
    {
        await using var store = new SwitchableStore();
        await using var host = new RuleHost(
            """
            { "Rules": [ { "Name": "open", "Match": { "t": "o*" }, "WhenUnavailable": "open", "Limits": [ { "Permits": 1, "Period": "1h" } ] },
                         { "Name": "closed", "Match": { "t": "*c" }, "WhenUnavailable": "closed", "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }
            """,
            store);
        store.Away = true;

        Assert.Equal(5, await RuleDecisionTests.AdmittedAsync(host, 5, ("t", "o")));
        var closed = await host.AskAsync(1, ("t", "oc"));

        Assert.False(closed.Admitted);
        Assert.True(closed.RetryAfter > TimeSpan.Zero);
        Assert.Equal([DecisionSource.FailedOpen, DecisionSource.FailedClosed], closed.Limits.Select(l => l.Source));
        Assert.Equal(6, host.Observer.Unavailable);
        store.Away = false;
        var back = await host.AskAsync(1, ("t", "oc"));
        Assert.True(back.Admitted);
        Assert.All(back.Limits, l => Assert.Equal(DecisionSource.Engine, l.Source));
    }

    [Fact]
    public async Task A_closed_rule_keeps_local_ones_from_being_charged()
    {
        await using var store = new SwitchableStore { Away = true };
        await using var host = new RuleHost(
            """
            { "Rules": [ { "Name": "local", "Limits": [ { "Permits": 3, "Period": "1h" } ] },
                         { "Name": "closed", "Match": { "t": "c" }, "WhenUnavailable": "closed", "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }
            """,
            store);

        Assert.Equal(0, await RuleDecisionTests.AdmittedAsync(host, 5, ("t", "c")));
        Assert.Equal(3, await RuleDecisionTests.AdmittedAsync(host, 5));
    }

    [Theory]
    [InlineData(1.0, 80)]
    [InlineData(0.5, 40)]
    [InlineData(0.25, 20)]
    [InlineData(0.001, 1)]
    public async Task A_local_rule_admits_this_nodes_share(double share, int admitted)
    {
        await using var store = new SwitchableStore { Away = true, Share = share };
        await using var host = new RuleHost(
            """{ "Rules": [ { "Name": "r", "Limits": [ { "Algorithm": "fixed-window", "Permits": 80, "Period": "1h" } ] } ] }""", store);

        Assert.Equal(admitted, await RuleDecisionTests.AdmittedAsync(host, 200));
        Assert.All((await host.PeekAsync()).Limits, l => Assert.Equal(DecisionSource.LocalFallback, l.Source));
    }

    [Fact]
    public async Task Shares_of_many_nodes_admit_the_limit_about_once()
    {
        var total = 0;
        foreach (var share in new[] { 0.4, 0.3, 0.2, 0.1 })
        {
            await using var store = new SwitchableStore { Away = true, Share = share };
            await using var host = new RuleHost("""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": 1000, "Period": "1h" } ] } ] }""", store);
            total += await RuleDecisionTests.AdmittedAsync(host, 1000);
        }

        Assert.InRange(total, 970, 1030);
    }

    /// <summary>An engine that can be taken away, and that says this node's share.</summary>
    private sealed class SwitchableStore : ILimitStore, INodeShare
    {
        private readonly EmbeddedLimitStore _store = RuleHost.NewStore(new FakeTimeProvider());

        public bool Away { get; set; }

        public double Share { get; set; } = 1;

        public double ShareOf(Limit limit, string key) => Share;

        public ValueTask<StoreVerdict> AcquireAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
            Away ? ValueTask.FromResult(StoreVerdict.Unavailable) : _store.AcquireAsync(checks, outcomes, cancellationToken);

        public ValueTask<StoreVerdict> PeekAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
            Away ? ValueTask.FromResult(StoreVerdict.Unavailable) : _store.PeekAsync(checks, outcomes, cancellationToken);

        public ValueTask<StoreVerdict> ReserveAsync(
            string reservationId, ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, TimeSpan expiresAfter, CancellationToken cancellationToken = default) =>
            Away ? ValueTask.FromResult(StoreVerdict.Unavailable) : _store.ReserveAsync(reservationId, checks, outcomes, expiresAfter, cancellationToken);

        public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default) =>
            Away ? ValueTask.FromResult(SettleOutcome.Unavailable) : _store.SettleAsync(reservationId, actualCost, cancellationToken);

        public ValueTask DisposeAsync() => _store.DisposeAsync();
    }
}

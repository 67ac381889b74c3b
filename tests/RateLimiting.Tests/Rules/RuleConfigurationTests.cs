using System.Globalization;
using Microsoft.Extensions.Options;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>RAT-8: every fault at once, with path and value; hot reload swaps whole rule sets and keeps state.</summary>
public sealed class RuleConfigurationTests
{
    [Fact]
    public async Task Every_fault_is_named_at_once_with_path_and_value()
    {
        await using var host = new RuleHost("""
            { "Engine": "nosuch://x", "Colour": "red", "Decisions": { "RejectedKept": -1 },
              "Http": { "TrustedProxies": [ "10.0.0.1/8" ] },
              "Rules": [
                { "Name": "a", "Limit": 5, "Cost": -3, "WhenUnavailable": "local,open",
                  "Match": { "ip": "10.0.0.0/99|nonsense", "path": "api" }, "Key": [ "user", "{tenant" ],
                  "Limits": [ { "Permits": 10, "Period": "5 fortnights" }, { "Permits": 0, "Period": "1s" }, { "Permits": "many", "Period": "1s", "Algorithm": "leaky" } ] },
                { "Name": "A", "Limits": [ ] },
                { "Name": "b c", "Limits": [ { "Permits": 5, "Period": "-1s", "Algorithm": "token-bucket,fixed-window" } ] },
                { "Limits": [ { "Permits": 5, "Period": "1s", "Burst": 0 } ], "Key": "user", "Overrides": [ { "Key": [ "x", "y" ], "Permits": 1 } ] } ] }
            """);

        var fault = Assert.Throws<OptionsValidationException>(() => host.Get<IOptions<RateLimitingOptions>>().Value);

        string[] expected =
        [
            "Tenfold:RateLimiting:Colour = red", "Tenfold:RateLimiting:Engine = nosuch:", "Decisions:RejectedKept = -1", "Http:TrustedProxies:0",
            "Rules:0:Limit = 5", "Rules:0:Cost = -3", "Rules:0:WhenUnavailable = local,open", "'10.0.0.0/99': the prefix must be 0 to 32",
            "'nonsense' is no address", "Rules:0:Match:path = api", "Rules:0:Key:1 = {tenant", "Rules:0:Limits:0:Period = 5 fortnights",
            "Rules:0:Limits:1:Permits = 0", "Rules:0:Limits:2:Permits = many", "Rules:0:Limits:2:Algorithm = leaky", "Rules:1:Name = A",
            "Rules:1:Limits", "Rules:2:Name = b c", "Rules:2:Limits:0:Period = -1s", "Rules:2:Limits:0:Algorithm = token-bucket,fixed-window",
            "Rules:3:Name", "Rules:3:Overrides:0:Key",
        ];
        Assert.All(expected, e => Assert.Contains(fault.Failures, f => f.Contains(e, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_rule_that_another_covers_is_warned_of_by_both_names()
    {
        await using var host = new RuleHost("""
            { "Rules": [ { "Name": "strict", "Match": { "path": "/api/*", "ip": "10.0.0.0/8" }, "Key": "user", "Limits": [ { "Permits": 5, "Period": "1m" } ] },
                         { "Name": "loose", "Match": { "path": "/api/*", "ip": "10.1.0.0/16" }, "Key": "user", "Limits": [ { "Permits": 50, "Period": "1m" } ] },
                         { "Name": "other", "Match": { "path": "/web/*" }, "Key": "user", "Limits": [ { "Permits": 50, "Period": "1m" } ] } ] }
            """);

        var warning = Assert.Single(host.Current.Current.Warnings);

        Assert.Contains("'strict'", warning, StringComparison.Ordinal);
        Assert.Contains("'loose'", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_keeps_what_was_used_and_a_faulty_one_changes_nothing()
    {
        await using var host = new RuleHost(Permits(10));
        for (var i = 0; i < 6; i++)
            Assert.True((await host.AskAsync(1)).Admitted);

        host.Reload(Permits(100));
        var grown = Assert.Single((await host.PeekAsync()).Limits);
        Assert.Equal(100, grown.Limit.Permits);
        Assert.InRange(grown.Outcome.Remaining, 40, 94);
        var rules = host.Current.Current;
        host.Reload("""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": -1, "Period": "x" } ] } ] }""");

        Assert.Same(rules, host.Current.Current);
        Assert.NotNull(host.Current.LastFault);
        Assert.True((await host.AskAsync(1)).Admitted);
        host.Reload(Permits(10));
        Assert.Null(host.Current.LastFault);
        Assert.InRange(Assert.Single((await host.PeekAsync()).Limits).Outcome.Remaining, 0, 9);
        Assert.Equal(7, host.Current.Current.Find("r")!.Counters.Admitted);
    }

    [Fact]
    public async Task Reloads_under_load_are_atomic_and_multiply_nothing()
    {
        await using var host = new RuleHost(Pair(1));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        long admitted = 0;
        var asking = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 200_000 && !stop.IsCancellationRequested; i++)
            {
                var decision = await host.AskAsync(1);
                // Both rules of one version carry the same number: a mixture would show two.
                Assert.Equal(2, decision.Limits.Count);
                Assert.Equal(decision.Limits[0].Limit.Permits, decision.Limits[1].Limit.Permits);
                if (decision.Admitted)
                    Interlocked.Increment(ref admitted);
                begun.TrySetResult();
            }
        })).ToArray();
        await Task.WhenAny([begun.Task, .. asking]);
        for (var i = 2; i <= 60; i++)
            host.Reload(i % 7 == 0 ? """{ "Rules": [ { "Name": "" } ] }""" : Pair(1 + (i % 2)));
        await stop.CancelAsync();
        await Task.WhenAll(asking);

        // Virtual time stands still: however often the rules change, no more passes than the greater of both allows.
        Assert.InRange(admitted, 1, 2000);
    }

    [Fact]
    public async Task A_thousand_reloads_of_the_same_rules_make_no_new_limits()
    {
        await using var host = new RuleHost(Permits(10));
        var limit = host.Current.Current.Rules[0].Limits[0];
        for (var i = 0; i < 1000; i++)
            host.Reload(Permits(10));

        Assert.Same(limit, host.Current.Current.Rules[0].Limits[0]);
    }

    private static string Permits(int permits) => string.Create(
        CultureInfo.InvariantCulture, $$"""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": {{permits}}, "Period": "1h" } ] } ] }""");

    private static string Pair(int thousands) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        { "Rules": [ { "Name": "a", "Limits": [ { "Permits": {{thousands * 1000}}, "Period": "1h", "Algorithm": "fixed-window" } ] },
                     { "Name": "b", "Limits": [ { "Permits": {{thousands * 1000}}, "Period": "1h", "Algorithm": "fixed-window" } ] } ] }
        """);
}

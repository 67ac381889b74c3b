using CsCheck;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>RAT-8: keys, overrides, costs, several rules at once, dry run.</summary>
public sealed class RuleDecisionTests
{
    [Theory]
    [InlineData("""["tenant","user"]""", "acme|bob")]
    [InlineData("""["user|ip"]""", "bob")]
    [InlineData("""["session|ip"]""", "192.0.2.1")]
    [InlineData("""["{tenant}-{method}"]""", "acme-GET")]
    [InlineData("""["{session|user}:{path}"]""", "bob:/api/x")]
    [InlineData("[]", "all")]
    public async Task A_key_is_made_of_the_requests_attributes(string key, string expected)
    {
        await using var host = new RuleHost($$"""{ "Rules": [ { "Name": "r", "Key": {{key}}, "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""");

        var decision = await host.AskAsync(1, ("Tenant", "acme"), ("user", "bob"), ("ip", "192.0.2.1"), ("method", "get"), ("path", "/API/x/"));

        Assert.Equal(expected, Assert.Single(decision.Limits).Key);
    }

    [Fact]
    public void Different_parts_never_make_one_key() => RuleHost.Any("a", "b", "|", "\\").Array[0, 4].Select(string.Concat).Array[2].Array[2].Sample(pairs =>
        Assert.Equal(pairs[0].SequenceEqual(pairs[1]), KeyTemplate.Join(pairs[0]) == KeyTemplate.Join(pairs[1])));

    [Fact]
    public async Task A_request_without_the_keys_attribute_is_not_the_rules()
    {
        await using var host = new RuleHost("""{ "Rules": [ { "Name": "r", "Key": "user", "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""");

        Assert.Empty((await host.AskAsync(1, ("user", ""))).Limits);
    }

    [Fact]
    public async Task An_override_gives_one_key_another_limit_and_exempts_another()
    {
        await using var host = new RuleHost("""
            { "Rules": [ { "Name": "r", "Key": ["tenant","user"], "Limits": [ { "Permits": 1, "Period": "1h" } ],
              "Overrides": [ { "Key": ["acme","bob"], "Permits": 3 }, { "Key": ["acme","*"], "Permits": 2 }, { "Key": ["free","*"], "Exempt": true } ] } ] }
            """);

        Assert.Equal(3, await AdmittedAsync(host, 9, ("tenant", "acme"), ("user", "bob")));
        Assert.Equal(2, await AdmittedAsync(host, 9, ("tenant", "acme"), ("user", "eve")));
        Assert.Equal(9, await AdmittedAsync(host, 9, ("tenant", "free"), ("user", "bob")));
        Assert.Equal(1, await AdmittedAsync(host, 9, ("tenant", "other"), ("user", "bob")));
    }

    [Fact]
    public async Task A_rule_multiplies_the_cost_by_a_number_or_by_an_attribute()
    {
        await using var host = new RuleHost("""
            { "Rules": [ { "Name": "five", "Cost": 5, "Limits": [ { "Permits": 100, "Period": "1h" } ] },
                         { "Name": "tokens", "Cost": "tokens", "Limits": [ { "Permits": 1000, "Period": "1h" } ] } ] }
            """);

        var decision = await host.AskAsync(2, ("tokens", "30"));

        Assert.Equal([10, 60], decision.Limits.Select(l => l.Cost));
        Assert.Equal([90, 940], decision.Limits.Select(l => l.Outcome.Remaining));
        foreach (var wrong in new[] { "-1", "1.5", "x", "99999999999999999999" })
            Assert.Contains("must be a whole number", (await Assert.ThrowsAsync<RequestFaultException>(() => host.AskAsync(1, ("tokens", wrong)))).Message, StringComparison.Ordinal);
        Assert.Contains("out of range", (await Assert.ThrowsAsync<RequestFaultException>(() => host.AskAsync(long.MaxValue))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public Task A_denied_request_consumes_nothing_anywhere() => Gen.Select(Gen.Long[1, 9], Gen.Long[1, 9], Gen.Long[0, 6].Array[1, 12]).SampleAsync(async (a, b, costs) =>
    {
        await using var host = new RuleHost($$"""
            { "Rules": [ { "Name": "a", "Limits": [ { "Permits": {{a}}, "Period": "1h" } ] },
                         { "Name": "b", "Limits": [ { "Permits": {{b}}, "Period": "1h", "Algorithm": "fixed-window" } ] } ] }
            """);
        var (leftA, leftB) = (a, b);
        foreach (var cost in costs)
        {
            var fits = Math.Max(cost, 1) <= leftA && Math.Max(cost, 1) <= leftB;
            var decision = await host.AskAsync(cost);
            Assert.Equal(fits, decision.Admitted);
            if (fits)
                (leftA, leftB) = (leftA - cost, leftB - cost);
            Assert.Equal([leftA, leftB], (await host.PeekAsync()).Limits.Select(l => l.Outcome.Remaining));
        }
    }, iter: 60);

    [Fact]
    public async Task A_dry_run_neither_denies_nor_hides_what_comes_after_it()
    {
        await using var host = new RuleHost("""
            { "Rules": [ { "Name": "dry", "DryRun": true, "Limits": [ { "Permits": 1, "Period": "1h" } ] },
                         { "Name": "dry2", "DryRun": true, "Limits": [ { "Permits": 2, "Period": "1h" } ] },
                         { "Name": "real", "Limits": [ { "Permits": 3, "Period": "1h" } ] } ] }
            """);
        var decisions = new List<RateLimitDecision>();
        for (var i = 0; i < 4; i++)
            decisions.Add(await host.AskAsync(1));

        Assert.Equal([true, true, true, false], decisions.Select(d => d.Admitted));
        Assert.Equal([true, false, false, false], decisions.Select(d => d.Limits[0].Outcome.HasRoom));
        Assert.Equal([true, true, false, false], decisions.Select(d => d.Limits[1].Outcome.HasRoom));
        Assert.Equal(TimeSpan.Zero, decisions[2].RetryAfter);
        var counters = host.Current.Current.Find("dry")!.Counters;
        Assert.Equal((1, 0, 3), (counters.Admitted, counters.Rejected, counters.DryRunRejected));
    }

    [Fact]
    public async Task A_dry_run_does_not_deny_or_fail_many_requests_that_are_decided_together()
    {
        await using var host = new RuleHost("""{ "Rules": [ { "Name": "dry", "DryRun": true, "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""");
        var requests = Enumerable.Range(0, 3 * ILimitStore.MaxChecks).Select(_ => new JointRequest(RuleHost.Request(1))).ToArray();

        var decisions = await host.Limiter.AcquireTogetherAsync(requests, TestContext.Current.CancellationToken);

        Assert.All(decisions, d => Assert.True(d.Admitted));
    }

    [Fact]
    public async Task A_limit_refills_on_virtual_time()
    {
        await using var host = new RuleHost("""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": 2, "Period": "10s" } ] } ] }""");
        Assert.Equal(2, await AdmittedAsync(host, 3));
        var rejected = await host.AskAsync(1);
        Assert.InRange(rejected.RetryAfter, TimeSpan.FromSeconds(4.9), TimeSpan.FromSeconds(5.1));

        host.Time.Advance(rejected.RetryAfter);

        Assert.Equal(1, await AdmittedAsync(host, 3));
    }

    internal static async Task<int> AdmittedAsync(RuleHost host, int requests, params (string Name, string Value)[] attributes)
    {
        var admitted = 0;
        for (var i = 0; i < requests; i++)
            admitted += (await host.AskAsync(1, attributes)).Admitted ? 1 : 0;
        return admitted;
    }
}

using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>What changed limits remember of those before them.</summary>
public sealed class HotReloadTests
{
    [Fact]
    public void However_often_rules_change_a_limit_keeps_one_forerunner()
    {
        using var rules = new CurrentRules(RuleSet.Empty);
        for (var permits = 1; permits <= 50; permits++)
            Assert.Empty(rules.TryReplace([Rule(permits)]));

        var rule = rules.Current.Rules[0];
        Assert.All([.. rule.Limits, .. rule.LimitsFor("bob", ["bob"]), .. rule.LimitsFor("eve", ["eve"])], limit =>
        {
            Assert.NotNull(limit?.Replaced);
            Assert.Null(limit.Replaced.Replaced);
        });
        Assert.Equal(49, rule.Limits[0].Replaced!.Permits);
    }

    private static RuleOptions Rule(int permits)
    {
        var rule = new RuleOptions { Name = "per-user", Key = { "user" }, Limits = { new LimitOptions { Permits = permits, Period = "1m" } } };
        rule.Overrides.Add(new OverrideOptions { Key = { "bob" }, Permits = 100 + permits });
        // Goes away and comes back, so that its state is handed over to the rule's limits and to it again.
        if (permits % 2 == 0)
            rule.Overrides.Add(new OverrideOptions { Key = { "eve" }, Permits = 1000 + permits });
        return rule;
    }
}

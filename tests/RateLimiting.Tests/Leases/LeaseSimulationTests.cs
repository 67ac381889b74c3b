using Tenfold.RateLimiting.Leases;
using Tenfold.RateLimiting.Leases.Simulation;

namespace Tenfold.RateLimiting.Tests.Leases;

/// <summary>RAT-4 and RAT-6: the bounds that docs/rate-limiter-bounds.md derives, measured on a thousand nodes in virtual time.</summary>
public sealed class LeaseSimulationTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(2.0)]
    [InlineData(10.0)]
    public void A_thousand_nodes_use_the_limit_and_never_exceed_it(double load)
    {
        var result = Run(new LeaseScenario { Seconds = 10, Offered = (_, _) => 10 * load });
        Assert.Equal(0, result.OverAdmitted);
        Assert.InRange(result.Utilisation, 0.95, 1.0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Strict_never_exceeds_the_limit_under_cuts_crashes_and_clock_steps(int seed)
    {
        var result = Run(new LeaseScenario
        {
            Seed = seed,
            Seconds = 40,
            Loss = 0.02,
            DelayMilliseconds = (0.5, 200),
            Offered = static (node, second) => node % 7 == (int)second / 10 % 7 ? 100 : 10,
            Faults = LeaseFaultPlans.Everything(seed, nodes: 1000, regions: 10, seconds: 30),
        });
        Assert.Equal(0, result.OverAdmitted);
        Assert.True(result.AdmittedPerSecond[38] > 9_000, "after healing the limit is used again");
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    public void Strict_holds_for_a_burst_smaller_than_the_number_of_nodes(int seed)
    {
        var result = Run(new LeaseScenario
        {
            Seed = seed,
            Nodes = 100,
            Regions = 4,
            Seconds = 40,
            Limit = new LimitTerms(LimitAlgorithm.TokenBucket, 100, TimeSpan.TicksPerSecond, 20),
            Offered = static (_, _) => 5,
            Faults = LeaseFaultPlans.Everything(seed, nodes: 100, regions: 4, seconds: 30),
        });
        Assert.Equal(0, result.OverAdmitted);
        Assert.True(result.Admitted > 500);
    }

    [Theory]
    [InlineData(21)]
    public void Strict_loses_at_most_what_the_dead_held_for_one_lease(int seed)
    {
        // A third of the nodes dies for good: for one lease their stock is stranded, then the rest has it all.
        var result = Run(new LeaseScenario
        {
            Seed = seed,
            Seconds = 30,
            Offered = static (_, _) => 30,
            Faults = [.. Enumerable.Range(0, 333).Select(node => new LeaseFault(LeaseFaultKind.KillNode, node, 10, 1000))],
        });
        Assert.Equal(0, result.OverAdmitted);
        var lost = (long)(10_000 * 10) - result.AdmittedPerSecond.Skip(10).Take(10).Sum();
        output.WriteLine($"lost {lost}");
        Assert.True(lost <= 10_000, $"lost {lost}: more than the burst, which bounds what can be lent");
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public void Available_stays_within_its_bound_when_regions_are_cut_off(int seed)
    {
        const double CutSeconds = 20;
        var scenario = new LeaseScenario
        {
            Seed = seed,
            Seconds = 45,
            Terms = AvailableTerms(graceSeconds: 0),
            Offered = static (_, _) => 30,
            Faults = [.. Enumerable.Range(0, 4).Select(region => new LeaseFault(LeaseFaultKind.CutRegion, region, 15, 15 + CutSeconds))],
        };
        var result = Run(scenario);
        var bound = LeaseBounds.Available(scenario.Limit, scenario.Terms.For(scenario.Limit), share: 0.4, CutSeconds, holders: 4);
        output.WriteLine($"over {result.OverAdmitted}, bound {bound}");
        Assert.InRange(result.OverAdmitted, 0, bound);
        Assert.True(result.AdmittedPerSecond[25] > 12_000, "both sides of the cut go on");
        Assert.InRange(result.AdmittedPerSecond[42], 8_000, 10_500);
    }

    [Fact]
    public void Available_with_grace_admits_nothing_more_during_a_short_cut()
    {
        var scenario = new LeaseScenario
        {
            Seed = 41,
            Seconds = 40,
            Terms = AvailableTerms(graceSeconds: 15),
            Offered = static (_, _) => 30,
            Faults = [.. Enumerable.Range(0, 4).Select(region => new LeaseFault(LeaseFaultKind.CutRegion, region, 15, 25))],
        };
        var result = Run(scenario);
        var bound = LeaseBounds.Available(scenario.Limit, scenario.Terms.For(scenario.Limit), share: 0.4, cutSeconds: 10, holders: 4, graceSeconds: 15);
        output.WriteLine($"over {result.OverAdmitted}, bound {bound}");
        Assert.InRange(result.OverAdmitted, 0, bound);
        Assert.InRange(result.AdmittedPerSecond.Skip(17).Take(8).Average(), 9_000, 11_000);
    }

    [Fact]
    public void Available_with_the_root_dead_for_a_minute_admits_what_the_limit_allows()
    {
        var result = Run(new LeaseScenario
        {
            Seed = 51,
            Nodes = 8,
            Regions = 2,
            Seconds = 75,
            Terms = AvailableTerms(graceSeconds: 0),
            Offered = static (_, _) => 4000,
            Faults = [new LeaseFault(LeaseFaultKind.KillRoot, 0, 10, 70)],
        });
        var ratio = result.AdmittedPerSecond.Skip(10).Take(60).Sum() / (10_000.0 * 60);
        output.WriteLine($"admitted/limit {ratio:F3}");
        Assert.InRange(ratio, 0.9, 1.1);
    }

    [Fact]
    public void The_same_seed_gives_the_same_history()
    {
        LeaseScenario Scenario() => new()
        {
            Seed = 61,
            Nodes = 50,
            Regions = 5,
            Seconds = 10,
            Loss = 0.05,
            Faults = LeaseFaultPlans.Everything(61, 50, 5, 10),
        };
        Assert.Equal(LeaseSimulation.Run(Scenario()).AdmittedPerSecond, LeaseSimulation.Run(Scenario()).AdmittedPerSecond);
    }

    private static LeaseTerms AvailableTerms(double graceSeconds) => new LeaseScenario().Terms with
    {
        Mode = PartitionMode.Available,
        SilentGrace = (long)(graceSeconds * TimeSpan.TicksPerSecond),
    };

    private LeaseSimulationResult Run(LeaseScenario scenario)
    {
        var result = LeaseSimulation.Run(scenario);
        output.WriteLine($"seed {scenario.Seed}: offered {result.Offered}, admitted {result.Admitted} of {result.Limit}, utilisation {result.Utilisation:P1}, " +
            $"over {result.OverAdmitted}, calls {result.Calls}; a second: {string.Join(' ', result.AdmittedPerSecond)}");
        return result;
    }
}

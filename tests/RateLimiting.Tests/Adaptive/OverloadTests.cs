using Tenfold.RateLimiting.Adaptive;
using Tenfold.RateLimiting.Adaptive.Simulation;

namespace Tenfold.RateLimiting.Tests.Adaptive;

/// <summary>RAT-7 in virtual time: goodput at ten times the load, and when seven in ten workers are lost and come back.</summary>
public sealed class OverloadTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void At_ten_times_the_load_goodput_stays_above_90_percent_of_capacity(int seed)
    {
        var result = Run(OverloadScenarios.TenTimesTheLoad(OverloadPolicy.Adaptive, seed));
        var before = result.CriticalP99(10, OverloadScenarios.LoadAt);
        Assert.True(result.Goodput(10, OverloadScenarios.LoadAt) > 0.97, "next to nothing is shed while there is room");
        Assert.True(result.Goodput(OverloadScenarios.LoadAt + 1, OverloadScenarios.LossAt) > 0.9);

        // Within 5 s of the loss, at the new capacity; the critical stay fast.
        Assert.True(result.Goodput(OverloadScenarios.LossAt + 5, OverloadScenarios.BackAt) > 0.9);
        Assert.True(result.CriticalP99(OverloadScenarios.LossAt + 5, OverloadScenarios.BackAt) <= 2 * before);

        // Within 10 s of their return, at the old.
        Assert.True(result.Goodput(OverloadScenarios.BackAt + 10, OverloadScenarios.End) > 0.9);
        Assert.True(result.CriticalP99(OverloadScenarios.BackAt + 10, OverloadScenarios.End) <= 2 * before);
    }

    [Theory]
    [InlineData("None")]
    [InlineData("Fixed")]
    public void A_fixed_limit_or_none_collapses(string policy)
    {
        var result = Run(OverloadScenarios.TenTimesTheLoad(Enum.Parse<OverloadPolicy>(policy), 1));
        Assert.True(result.Goodput(5, OverloadScenarios.LoadAt) > 0.95);
        Assert.True(result.Goodput(OverloadScenarios.LossAt + 5, OverloadScenarios.BackAt) < 0.5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_backend_that_got_slower_is_not_starved_for_good(int seed)
    {
        // The same workers, each 3.3 times slower: the latency is no queue. While it lasts the limit hunts for the new baseline.
        var result = Run(new OverloadScenario
        {
            Seed = seed,
            Policy = OverloadPolicy.Adaptive,
            Seconds = 60,
            Offered = static _ => 10_000,
            ServiceSeconds = static second => second is >= 20 and < 40 ? 0.05 / 0.3 : 0.05,
        });
        Assert.True(result.Goodput(50, 60) > 0.9);
    }

    [Fact]
    public void Tenants_share_by_max_min_fairness_and_the_greedy_gains_nothing()
    {
        var result = Run(new OverloadScenario
        {
            Policy = OverloadPolicy.Adaptive,
            Seconds = 40,
            Offered = static _ => 5000,
            TenantParts = [0.02, 0.18, 0.8],
            PriorityParts = [0, 1, 0],
        });
        var good = result.GoodByTenant.Select(tenant => tenant.Skip(15).Sum() / 25.0).ToArray();
        output.WriteLine($"good a second: {string.Join(' ', good)}");
        // 100 a second asked for fits in; the two others share the rest, though one asks for four times the other.
        Assert.True(good[0] > 80, "the modest tenant gets nearly all it asks for");
        Assert.InRange(good[1] / good[2], 0.75, 1.33);
    }

    [Fact]
    public void Critical_work_is_shed_last()
    {
        var result = Run(OverloadScenarios.TenTimesTheLoad(OverloadPolicy.Adaptive, 5));
        var shed = (double)result.CriticalShed.Skip(OverloadScenarios.LoadAt + 5).Take(30).Sum();
        var critical = result.Offered.Skip(OverloadScenarios.LoadAt + 5).Take(30).Sum() * 0.05;
        output.WriteLine($"critical shed: {shed / critical:P1}");
        // Half the capacity's worth of critical work is offered: nearly all of it gets in, while 9 in 10 of the rest are shed.
        Assert.InRange(shed / critical, 0, 0.1);
    }

    [Fact]
    public void A_limit_that_is_not_used_does_not_grow()
    {
        var controller = new GradientController(new AdaptiveOptions());
        for (var i = 0; i < 50; i++)
            controller.Step(new LoadSample(100, 0.01, 0, MostInFlight: 3, InFlight: 3, Seconds: 0.1));
        Assert.InRange(controller.Limit, 1, 20);
    }

    [Fact]
    public void Reported_queue_delay_and_utilisation_shrink_the_limit()
    {
        foreach (var sample in new[]
        {
            new LoadSample(100, 0.01, 0, 20, 20, 0.1, QueueDelaySeconds: 0.05), new LoadSample(100, 0.01, 0, 20, 20, 0.1, Utilisation: 1.5),
            new LoadSample(50, 0.01, 50, 20, 20, 0.1),
        })
        {
            var controller = new GradientController(new AdaptiveOptions());
            for (var i = 0; i < 2; i++)
                controller.Step(sample);
            Assert.InRange(controller.Limit, 1, 19);
        }
    }

    private OverloadResult Run(OverloadScenario scenario)
    {
        var result = OverloadSimulation.Run(scenario);
        output.WriteLine($"{scenario.Policy} seed {scenario.Seed}, good: {string.Join(' ', result.Good)}");
        output.WriteLine($"limit: {string.Join(' ', result.Limit)}");
        foreach (var (from, to) in new[] { (10, 20), (25, 40), (21, 60), (50, 60), (65, 100), (110, 140) }.Where(span => span.Item2 <= result.Good.Length))
            output.WriteLine($"{from}-{to} s: goodput {result.Goodput(from, to):P1}, critical p99 {result.CriticalP99(from, to) * 1000:F0} ms");
        return result;
    }
}

using Tenfold.RateLimiting.Adaptive;
using Tenfold.RateLimiting.Adaptive.Simulation;

namespace Tenfold.RateLimiting.Tests.Adaptive;

/// <summary>RAT-7 in virtual time: goodput at ten times the load, and when seven in ten workers are lost and come back.</summary>
public sealed class OverloadTests(ITestOutputHelper output)
{
    private const int SlowAt = 20;
    private const int FastAt = 55;

    [Theory]
    [MemberData(nameof(Seeds))]
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
    [MemberData(nameof(Seeds))]
    public void Workers_that_all_get_slower_are_kept_busy(int seed)
    {
        // The same workers, each 3.3 times slower: the latency is no queue, and the right limit is the same as before.
        var result = Run(Slower(seed, offered: 10_000));
        Assert.All(Enumerable.Range(SlowAt + 5, FastAt - SlowAt - 5), second => Assert.True(result.Goodput(second, second + 1) > 0.6, $"second {second}"));
        AssertGoodput(result, 0.9, SlowAt + 10, FastAt);
        AssertGoodput(result, 0.9, FastAt + 10, 90);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Workers_that_all_get_slower_at_half_their_load_shed_nothing_for_long(int seed)
    {
        // 150 a second of the 300 that are left: the limit found for the fast workers may be too small, and is so for less than 5 s.
        var result = Run(Slower(seed, offered: 150));
        // A burst may touch the limit, which then grows.
        Assert.InRange(result.Shed.Skip(SlowAt + 5).Take(FastAt - SlowAt - 5).Sum(), 0, result.Offered.Skip(SlowAt + 5).Take(FastAt - SlowAt - 5).Sum() / 500);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Ten_times_the_load_from_the_start_is_no_worse_and_the_limit_does_not_drift(int seed)
    {
        // Little's law: 50 at work, and half as many waiting (Netflix/concurrency-limits#165: a baseline averaged over time takes the queue in).
        var result = Run(new OverloadScenario { Seed = seed, Policy = OverloadPolicy.Adaptive, Seconds = 180, Offered = static _ => 10_000 });
        AssertGoodput(result, 0.9, 10, 180);
        Assert.InRange(result.Limit.Skip(20).Take(40).Average(), 60, 110);
        Assert.InRange(result.Limit.Skip(140).Average(), 60, 110);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Scattered_latency_at_moderate_load_sheds_next_to_nothing_and_does_not_raise_the_limit(int seed)
    {
        var result = Run(new OverloadScenario { Seed = seed, Policy = OverloadPolicy.Adaptive, Seconds = 180, Offered = static _ => 500, LognormalSigma = 1 });
        Assert.InRange(result.Shed.Skip(10).Sum(), 0, result.Offered.Skip(10).Sum() / 10_000);
        Assert.InRange(result.Limit.Max(), 25, 150);
    }

    [Theory]
    [InlineData(15, 0.05, 17, 30)]
    [InlineData(50, 0.05 / 0.3, 55, 100)]
    public void Only_workers_lost_make_the_limit_smaller_not_workers_slowed(int workers, double serviceSeconds, int least, int most)
    {
        // A backend without chance, its limit always full: the rate is that of the workers, or of the places where these are fewer.
        var controller = new GradientController(new AdaptiveOptions());
        Drive(controller, 50, 0.05, seconds: 30);
        Assert.InRange(controller.Limit, 55, 100);
        Drive(controller, workers, serviceSeconds, seconds: 10);
        Assert.InRange(controller.Limit, least, most);
        Assert.InRange(controller.Baseline, serviceSeconds * 0.9, serviceSeconds * 1.2);
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
            controller.Step(new LoadSample(100, 3, 0, MostInFlight: 3, InFlight: 3, Seconds: 0.1));
        Assert.InRange(controller.Limit, 1, 20);
    }

    [Fact]
    public void Reported_queue_delay_and_utilisation_shrink_the_limit()
    {
        foreach (var sample in new[]
        {
            new LoadSample(100, 20, 0, 20, 20, 0.1, QueueDelaySeconds: 0.05), new LoadSample(100, 20, 0, 20, 20, 0.1, Utilisation: 1.5),
            new LoadSample(0, 20, 50, 20, 20, 0.1),
        })
        {
            var controller = new GradientController(new AdaptiveOptions());
            for (var i = 0; i < 2; i++)
                controller.Step(sample);
            Assert.InRange(controller.Limit, 1, 14);
            Assert.False(controller.IsProbing, "what is reported needs no probe");
        }
    }

    [Fact]
    public void Nothing_answered_and_nothing_at_work_leave_the_limit_alone()
    {
        var controller = new GradientController(new AdaptiveOptions());
        foreach (var sample in new[] { new LoadSample(0, 20, 0, 20, 20, 1), new LoadSample(50, 0, 0, 20, 0, 0.1), default })
            controller.Step(sample);
        Assert.Equal(20, controller.Limit);
    }

    /// <summary>The seeds that each promise is checked with.</summary>
    public static TheoryData<int> Seeds => [1, 2, 3, 4, 5, 6, 7, 8];

    private static OverloadScenario Slower(int seed, double offered) => new()
    {
        Seed = seed,
        Policy = OverloadPolicy.Adaptive,
        Seconds = 90,
        Offered = _ => offered,
        ServiceSeconds = static second => second is >= SlowAt and < FastAt ? 0.05 / 0.3 : 0.05,
    };

    private static void AssertGoodput(OverloadResult result, double least, int from, int to)
    {
        for (var second = from; second + 5 <= to; second += 5)
            Assert.True(result.Goodput(second, second + 5) > least, $"goodput of {result.Goodput(second, second + 5):P1} from {second} s to {second + 5} s");
    }

    private static void Drive(GradientController controller, int workers, double serviceSeconds, double seconds)
    {
        const double Window = 0.2;
        for (var at = 0.0; at < seconds; at += Window)
        {
            var rate = Math.Min(controller.Limit, workers) / serviceSeconds;
            controller.Step(new LoadSample((int)Math.Round(rate * Window), controller.Limit, 0, controller.Limit, controller.Limit, Window));
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

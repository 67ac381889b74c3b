using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Adaptive.Simulation;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Leases;
using Tenfold.RateLimiting.Leases.Simulation;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// The hierarchical engine: decisions from a lease in real time; calls, utilisation and over-admission of a simulated tree; goodput under
/// overload beside a fixed limit and none. The long form also writes the overload plot to docs/systems/img.
/// </summary>
internal static class HierarchyBench
{
    public static IEnumerable<Figure> Run(bool quick)
    {
        var perSecond = DecisionsFromALease(TimeSpan.FromSeconds(quick ? 1 : 5));
        yield return new Figure("lease-decisions-1-thread", perSecond, 1_000_000, "{decision}/s", perSecond / 1_000_000, 1);

        // Eight nodes, demand by Zipf, the order of the nodes shifting every five seconds; twice the limit is offered.
        var zipf = Enumerable.Range(1, 8).Select(rank => 1.0 / rank).ToArray();
        var limit = new LimitTerms(LimitAlgorithm.TokenBucket, 50_000, TimeSpan.TicksPerSecond, 300_000);
        var shifting = LeaseSimulation.Run(new LeaseScenario
        {
            Nodes = 8,
            Regions = 2,
            Limit = limit,
            Seconds = quick ? 30 : 60,
            Offered = (node, second) => 2 * limit.Rate * zipf[(node + (int)(second / 5)) % 8] / zipf.Sum(),
        });
        var calls = shifting.Calls * 1000.0 / shifting.Offered;
        yield return Figure.LowerIsBetter("lease-calls-per-1000-decisions", calls, 1, "{call}", 1);
        yield return new Figure("lease-utilisation-shifting-zipf", shifting.Utilisation * 100, 97, "%", shifting.Utilisation / 0.97, 1);
        yield return new Figure("lease-over-admission-strict", shifting.OverAdmitted, 0, "{unit}", shifting.OverAdmitted == 0 ? 1 : 0, 1);

        var cut = new LeaseScenario
        {
            Nodes = quick ? 200 : 1000,
            Seconds = 45,
            Terms = new LeaseScenario().Terms with { Mode = PartitionMode.Available },
            Offered = (_, _) => quick ? 150 : 30,
            Faults = [.. Enumerable.Range(0, 4).Select(region => new LeaseFault(LeaseFaultKind.CutRegion, region, 15, 35))],
        };
        var bound = LeaseBounds.Available(cut.Limit, cut.Terms.For(cut.Limit), share: 0.4, cutSeconds: 20, holders: 4);
        yield return Figure.LowerIsBetter("lease-over-admission-available-in-bound", LeaseSimulation.Run(cut).OverAdmitted, bound, "{unit}", 1);

        var runs = new[] { OverloadPolicy.None, OverloadPolicy.Fixed, OverloadPolicy.Adaptive }
            .ToDictionary(policy => policy, policy => OverloadSimulation.Run(OverloadScenarios.TenTimesTheLoad(policy, 1)));
        foreach (var (name, from, to) in new[]
        {
            ("10x-load", OverloadScenarios.LoadAt + 1, OverloadScenarios.LossAt), ("10x-load-70-percent-lost", OverloadScenarios.LossAt + 5, OverloadScenarios.BackAt),
        })
        {
            var adaptive = runs[OverloadPolicy.Adaptive].Goodput(from, to) * 100;
            yield return new Figure($"adaptive-goodput-{name}", adaptive, runs[OverloadPolicy.Fixed].Goodput(from, to) * 100, "% of capacity (peer: fixed limit)", adaptive / 90, 1);
        }

        if (!quick)
            OverloadPlot.Write(runs);
    }

    private static double DecisionsFromALease(TimeSpan duration)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddHierarchicalLimitStore(new HierarchyOptions(), EngineAddress.Parse("orleans://local/"));
        using var host = builder.Build();
        host.StartAsync().GetAwaiter().GetResult();
        var store = host.Services.GetRequiredService<HierarchicalLimitStore>();
        var limit = Limit.Create("bench", LimitAlgorithm.TokenBucket, 1_000_000_000, TimeSpan.FromSeconds(1), burst: 10_000_000_000);
        LimitCheck[] checks = [new(limit, "hot")];
        var outcomes = new LimitOutcome[1];
        var admitted = 0L;
        var started = Stopwatch.GetTimestamp();
        // Half the time warms up: the first decisions wait for the first leases.
        while (Stopwatch.GetElapsedTime(started) < duration / 2)
            store.AcquireAsync(checks, outcomes).AsTask().GetAwaiter().GetResult();
        started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration / 2)
        {
            for (var i = 0; i < 1000; i++)
            {
                var decision = store.AcquireAsync(checks, outcomes);
                if ((decision.IsCompletedSuccessfully ? decision.Result : decision.AsTask().GetAwaiter().GetResult()) == StoreVerdict.Admitted)
                    admitted++;
            }
        }

        var perSecond = admitted / Stopwatch.GetElapsedTime(started).TotalSeconds;
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        host.StopAsync().GetAwaiter().GetResult();
        return perSecond;
    }
}

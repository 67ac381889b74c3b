using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.TestingHost;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>RAT-4 and RAT-6 over a real Orleans cluster of three silos: shared fairly, and within the bound while silos die.</summary>
public sealed class HierarchicalClusterTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly Limit Shared = Limit.Create("shared", LimitAlgorithm.TokenBucket, 1000, TimeSpan.FromSeconds(1), burst: 1000);
    private readonly LocalRootTenure _tenure = new();
    private InProcessTestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(3);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = TimeSpan.FromMilliseconds(500);
                options.NumMissedProbesLimit = 2;
                options.NumVotesForDeathDeclaration = 1;
                options.TableRefreshTimeout = TimeSpan.FromSeconds(1);
            });
            silo.Services.AddHierarchicalSite(Options(), oneClock: false);
            silo.Services.AddSingleton<IRootTenure>(_tenure);
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task Totals_stay_within_the_limit_while_a_silo_is_killed_and_the_others_go_on()
    {
        var deadline = Stopwatch.StartNew();
        var stores = _cluster.Silos.Select((silo, i) => StoreOn(silo, $"node-{i}")).ToArray();
        var counts = new long[stores.Length];
        var stop = new bool[stores.Length];
        var clock = Stopwatch.StartNew();
        var callers = stores.Select((store, i) => Task.Run(() => CallAsync(store, i), TestContext.Current.CancellationToken)).ToArray();

        await Until(() => counts.Sum() > 3000 && counts.All(count => count > 100), "all nodes admit");
        output.WriteLine($"before: {string.Join(' ', counts)} in {clock.Elapsed.TotalSeconds:F1} s, calls {string.Join(' ', stores.Select(s => s.Calls))}");
        Volatile.Write(ref stop[2], true);
        await callers[2];
        await _cluster.KillSiloAsync(_cluster.Silos[2], TestContext.Current.CancellationToken);
        var killed = counts[0] + counts[1];
        await Until(() => counts[0] + counts[1] > killed + 3000, "the others go on");
        output.WriteLine($"after: {string.Join(' ', counts)} in {clock.Elapsed.TotalSeconds:F1} s");

        stop[0] = stop[1] = true;
        await Task.WhenAll(callers);
        var most = Shared.Burst + (Shared.Permits * clock.Elapsed.TotalSeconds);
        Assert.True(counts.Sum() <= most, $"admitted {counts.Sum()}, the limit allows {most}");
        foreach (var store in stores)
            await store.DisposeAsync();

        async Task CallAsync(HierarchicalLimitStore store, int node)
        {
            var outcomes = new LimitOutcome[1];
            LimitCheck[] checks = [new(Shared, "all")];
            while (!Volatile.Read(ref stop[node]) && deadline.Elapsed < TimeSpan.FromSeconds(90))
            {
                if (await store.AcquireAsync(checks, outcomes, TestContext.Current.CancellationToken) == StoreVerdict.Admitted)
                    Interlocked.Increment(ref counts[node]);
                else
                    await Task.Yield();
            }
        }

        async Task Until(Func<bool> condition, string what)
        {
            while (!condition())
            {
                Assert.True(deadline.Elapsed < TimeSpan.FromSeconds(80), $"in time: {what}; admitted {string.Join(' ', counts)}");
                await Task.Yield();
            }
        }
    }

    private static HierarchyOptions Options() => new()
    {
        Lease = TimeSpan.FromSeconds(1),
        Refresh = TimeSpan.FromMilliseconds(200),
        MaxClockStep = TimeSpan.FromMilliseconds(100),
        Buckets = 1,
    };

    private static HierarchicalLimitStore StoreOn(InProcessSiloHandle silo, string name)
    {
        var options = Options();
        options.NodeName = name;
        return new HierarchicalLimitStore(
            options, silo.ServiceProvider.GetRequiredService<HierarchicalSite>(), silo.ServiceProvider.GetRequiredService<IGrainFactory>(),
            silo.ServiceProvider.GetRequiredService<ILoggerFactory>());
    }
}

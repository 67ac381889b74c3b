using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.TestingHost;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Leases;
using Tenfold.RateLimiting.Tests.Rules;
using Tenfold.Testing;

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

    [Theory]
    [InlineData(PartitionMode.Strict, 0)]
    [InlineData(PartitionMode.Available, 30)]
    public async Task Nodes_that_never_heard_of_a_key_spend_nothing_alone_when_strict_and_the_limit_once_when_available(PartitionMode mode, int most)
    {
        await Eventually.HoldsAsync(
            () => _cluster.Silos.All(silo => HierarchicalServices.Nodes(silo.ServiceProvider.GetRequiredService<IClusterMembershipService>()) == 3), "all to know of three");
        var limit = Limit.Create("cold", LimitAlgorithm.TokenBucket, 30, TimeSpan.FromHours(1));
        var admitted = 0;
        foreach (var (silo, i) in _cluster.Silos.Select((silo, i) => (silo, i)))
        {
            await using var cut = new CutStore(StoreOn(silo, $"node-{i}", mode));
            await using var host = new RuleHost("""{ "Rules": [ { "Name": "cold", "WhenUnavailable": "local", "Limits": [ { "Permits": 30, "Period": "1h" } ] } ] }""", cut);
            admitted += await RuleDecisionTests.AdmittedAsync(host, 40);
            Assert.Equal(
                mode == PartitionMode.Strict ? DecisionSource.FailedClosed : DecisionSource.LocalFallback,
                Assert.Single((await host.AskAsync(1)).Limits).Source);
        }

        // Shares are rounded to 2.2 %.
        Assert.InRange(admitted, most * 0.9, most);
        Assert.InRange(StoreOn(_cluster.Silos[0], "other", mode).ShareOf(limit, "x"), mode == PartitionMode.Strict ? 0 : 0.33, mode == PartitionMode.Strict ? 0 : 0.34);
    }

    /// <summary>A node that reaches nobody.</summary>
    private sealed class CutStore(HierarchicalLimitStore store) : ILimitStore, INodeShare
    {
        public double ShareOf(Limit limit, string key) => store.ShareOf(limit, key);

        public ValueTask<StoreVerdict> AcquireAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(StoreVerdict.Unavailable);

        public ValueTask<StoreVerdict> PeekAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(StoreVerdict.Unavailable);

        public ValueTask<StoreVerdict> ReserveAsync(
            string reservationId, ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, TimeSpan expiresAfter, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(StoreVerdict.Unavailable);

        public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(SettleOutcome.Unavailable);

        public ValueTask DisposeAsync() => store.DisposeAsync();
    }

    private static HierarchyOptions Options() => new()
    {
        Lease = TimeSpan.FromSeconds(1),
        Refresh = TimeSpan.FromMilliseconds(200),
        MaxClockStep = TimeSpan.FromMilliseconds(100),
        Buckets = 1,
    };

    private static HierarchicalLimitStore StoreOn(InProcessSiloHandle silo, string name, PartitionMode mode = PartitionMode.Strict)
    {
        var options = Options();
        options.Mode = mode;
        options.NodeName = name;
        return new HierarchicalLimitStore(
            options, silo.ServiceProvider.GetRequiredService<HierarchicalSite>(), silo.ServiceProvider.GetRequiredService<IGrainFactory>(),
            () => HierarchicalServices.Nodes(silo.ServiceProvider.GetRequiredService<IClusterMembershipService>()),
            silo.ServiceProvider.GetRequiredService<ILoggerFactory>());
    }
}

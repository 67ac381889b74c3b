using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// The Redis engine beside the fixed window that everybody writes first, INCR and EXPIRE, through the same client on the same server
/// in turns. Ours decides exactly (GCRA), theirs lets twice the limit through at a window's edge and takes no refund.
/// </summary>
internal static class RedisBench
{
    private const int Callers = 128;
    private const int Keys = 10_000;

    public static IEnumerable<Figure> Run(bool quick)
    {
        var span = TimeSpan.FromSeconds(quick ? 0.4 : 2);
        var rounds = quick ? 3 : 5;
        var port = FreePort();
        using var server = BenchServer.StartProgram(
            "redis-server", port, "Ready to accept", "--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no");
        using var connection = ConnectionMultiplexer.Connect($"127.0.0.1:{port}");
        var database = connection.GetDatabase();
        var cold = Store(port, leases: false);
        var hot = Store(port, leases: true);
        try
        {
            var limit = Limit.Create("bench", LimitAlgorithm.TokenBucket, 1_000_000, TimeSpan.FromSeconds(1), burst: 1_000_000);
            var great = Limit.Create("bench-hot", LimitAlgorithm.TokenBucket, 100_000_000, TimeSpan.FromSeconds(1), burst: 100_000_000);
            var names = Enumerable.Range(0, Keys).Select(i => $"user-{i}").ToArray();
            var ours = new List<double>();
            var both = new List<double>();
            var once = new List<double>();
            var leased = new List<double>();
            Measure(Callers, TimeSpan.FromSeconds(1), (caller, i) => DecideAsync(hot, great, names[0]));
            for (var round = 0; round <= rounds; round++)
            {
                var a = Measure(Callers, span, (caller, i) => DecideAsync(cold, limit, names[Pick(caller, i)]));
                var b = Measure(Callers, span, (caller, i) => IncrementAndExpireAsync(database, names[Pick(caller, i)]));
                var c = Measure(Callers, span, (caller, i) => IncrementThenExpireAsync(database, names[Pick(caller, i)]));
                var d = Measure(Callers, span, (caller, i) => DecideAsync(hot, great, names[0]));

                // The first round warms up.
                if (round == 0)
                    continue;
                ours.Add(a);
                both.Add(b);
                once.Add(c);
                leased.Add(d);
            }

            yield return Figure.HigherIsBetter("redis-engine-vs-incr-and-expire", Median(ours), Median(both), "decisions/s", 0.9);
            yield return Figure.HigherIsBetter("redis-engine-vs-incr-then-expire-once", Median(ours), Median(once), "decisions/s", double.NaN);
            yield return Figure.HigherIsBetter("redis-leased-hot-key-vs-incr-and-expire", Median(leased), Median(both), "decisions/s", 20);
            var (calls, utilisation) = RunFleet(port, TimeSpan.FromSeconds(quick ? 1.5 : 8));
            yield return Figure.LowerIsBetter("redis-lease-calls-per-1000-decisions-8-nodes", calls, 1, "calls", 1);
            yield return Figure.HigherIsBetter("redis-lease-utilisation-8-nodes", utilisation, 1, "of the limit", 0.97);
        }
        finally
        {
            cold.DisposeAsync().AsTask().GetAwaiter().GetResult();
            hot.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static RedisLimitStore Store(int port, bool leases)
    {
        var options = new RedisStoreOptions { Address = $"redis://127.0.0.1:{port}", KeyPrefix = leases ? "leased" : "exact" };
        options.Leases.Enabled = leases;
        options.CallTimeout = TimeSpan.FromSeconds(5);
        return new RedisLimitStore(options, TimeProvider.System, NullLoggerFactory.Instance);
    }

    private static int Pick(int caller, int i) => (int)(((uint)((caller * 7919) + i) * 2_654_435_761u) % Keys);

    private static async ValueTask DecideAsync(RedisLimitStore store, Limit limit, string key)
    {
        var memory = Buffers.Value!;
        memory.Checks[0] = new LimitCheck(limit, key);
        var call = store.AcquireAsync(memory.Checks, memory.Outcomes);
        if (call.IsCompletedSuccessfully)
        {
            _ = call.Result;
            return;
        }

        // A call under way keeps its memory: the thread's next decision takes another.
        Buffers.Value = new(new LimitCheck[1], new LimitOutcome[1]);
        await call;
    }

    private static readonly ThreadLocal<Memories> Buffers = new(() => new(new LimitCheck[1], new LimitOutcome[1]));

    private static async ValueTask IncrementAndExpireAsync(IDatabase database, string key)
    {
        var count = database.StringIncrementAsync(key);
        var expiry = database.KeyExpireAsync(key, TimeSpan.FromSeconds(1));
        await count;
        await expiry;
    }

    private static async ValueTask IncrementThenExpireAsync(IDatabase database, string key)
    {
        if (await database.StringIncrementAsync(key) == 1)
            await database.KeyExpireAsync(key, TimeSpan.FromSeconds(1));
    }

    private static double Measure(int callers, TimeSpan span, Func<int, int, ValueTask> decide)
    {
        var counts = new long[callers];
        var started = Stopwatch.GetTimestamp();
        var tasks = Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; Stopwatch.GetElapsedTime(started) < span; i++)
            {
                for (var j = 0; j < 8; j++)
                    await decide(caller, (i * 8) + j);
                counts[caller] += 8;
            }
        })).ToArray();
        Task.WaitAll(tasks);
        return counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>
    /// Eight nodes on one limit, asked far more than it gives, by Zipf's law over the nodes; each half second another node is the busiest.
    /// Calls a thousand decisions, heartbeats included, and what part of the limit was admitted.
    /// </summary>
    private static (double Calls, double Utilisation) RunFleet(int port, TimeSpan span)
    {
        const int Nodes = 8;
        const double PerSecond = 100_000;
        var limit = Limit.Create("bench-fleet", LimitAlgorithm.TokenBucket, (long)PerSecond, TimeSpan.FromSeconds(1));
        var stores = Enumerable.Range(0, Nodes).Select(_ => Store(port, leases: true)).ToArray();
        var admitted = 0L;
        var decisions = 0L;
        var started = Stopwatch.GetTimestamp();
        void Ask(TimeSpan until, ulong seed)
        {
            var random = new SeededRandom(seed);
            var checks = new LimitCheck[] { new(limit, "all") };
            var outcomes = new LimitOutcome[1];
            TimeSpan now;
            while ((now = Stopwatch.GetElapsedTime(started)) < until)
            {
                // Zipf by inverse: the node at rank r is asked 1/r as often as the first.
                var rank = (int)Math.Pow(Nodes + 1, random.NextDouble()) - 1;
                var store = stores[(rank + (int)(now.TotalSeconds * 2)) % Nodes];
                for (var i = 0; i < 16; i++)
                {
                    if (store.AcquireAsync(checks, outcomes).AsTask().GetAwaiter().GetResult() == StoreVerdict.Admitted)
                        Interlocked.Increment(ref admitted);
                }

                Interlocked.Add(ref decisions, 16);
            }
        }

        void Load(TimeSpan until) => Task.WaitAll(Task.Run(() => Ask(until, 1)), Task.Run(() => Ask(until, 2)));
        var warm = TimeSpan.FromSeconds(1);
        Load(warm);
        var (callsBefore, admittedBefore, decisionsBefore) = (stores.Sum(store => store.Statistics.Calls), admitted, decisions);
        Load(warm + span);
        var calls = stores.Sum(store => store.Statistics.Calls) - callsBefore;
        var took = Stopwatch.GetElapsedTime(started) - warm;
        foreach (var store in stores)
            store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return (1000.0 * calls / (decisions - decisionsBefore), (admitted - admittedBefore) / (PerSecond * took.TotalSeconds));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    private sealed record Memories(LimitCheck[] Checks, LimitOutcome[] Outcomes);
}

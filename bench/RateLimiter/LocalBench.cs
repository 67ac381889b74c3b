using System.Diagnostics;
using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// The embedded store beside .NET's own <see cref="PartitionedRateLimiter"/> in one run: token buckets that admit everything (so both do the
/// full work of a charge), by string key. Short rounds of the two take turns, and each figure is the best round, since other work on the machine
/// only ever slows a round down. Processor time a decision is measured in the same rounds: it counts no waiting for a processor.
/// </summary>
internal static class LocalBench
{
    private const int Keys = 100_000;
    private const double AimPercent = 0.1;
    private static readonly TimeSpan Refill = TimeSpan.FromSeconds(4);

    // Admits each of the run's requests, and refills so slowly that every key's state must be kept.
    private static readonly Limit Wide = Limit.Create("bench", LimitAlgorithm.TokenBucket, 1, Refill, burst: 1_000_000_000);

    public static IEnumerable<Figure> Run(bool quick)
    {
        // One after the other: the peer's timers, and the data of both, are gone when the next part is measured.
        foreach (var figure in Decisions(quick))
            yield return figure;
        foreach (var figure in LocalMemoryBench.Run(quick))
            yield return figure;
        foreach (var figure in AccuracyTable(quick))
            yield return figure;
    }

    private static IEnumerable<Figure> Decisions(bool quick)
    {
        var rounds = quick ? 8 : 40;
        var seconds = quick ? 0.04 : 0.1;
        using var store = new Owned(NewStore());
        using var peer = NewPeer();
        foreach (var key in NewKeys(Keys, seed: 1))
        {
            store.Store.TryAcquire(key, Wide, 1, out _);
            peer.AttemptAcquire(key).Dispose();
        }

        // A request brings a string of its own, just made, and not in the order in which the keys first came.
        var keys = NewKeys(Keys, seed: 2);
        string[] hot = ["tenant-1/user-1"];
        foreach (var (name, aim, threads, over) in new[]
        {
            ("1-thread-100k-keys", double.NaN, 1, keys), ("2-threads-100k-keys", 3.5, 2, keys),
            ("1-thread-hot-key", double.NaN, 1, hot), ("2-threads-hot-key", double.NaN, 2, hot),
        })
        {
            var ours = default(Best);
            var theirs = default(Best);
            for (var round = 0; round < rounds; round++)
            {
                ours.Take(Measure(threads, seconds, over, key => store.Store.TryAcquire(key, Wide, 1, out _)));
                theirs.Take(Measure(threads, seconds, over, key =>
                {
                    using var lease = peer.AttemptAcquire(key);
                    return lease.IsAcquired;
                }));
            }

            yield return Figure.HigherIsBetter("decisions-" + name, ours.PerSecond, theirs.PerSecond, "decisions/s", aim);
            yield return Figure.LowerIsBetter("processor-time-a-decision-" + name, ours.Nanoseconds, theirs.Nanoseconds, "ns", double.NaN);
        }

        yield return Figure.LowerIsBetter(
            "allocated-a-decision", AllocatedBy(keys, key => store.Store.TryAcquire(key, Wide, 1, out _)),
            AllocatedBy(keys, key => peer.AttemptAcquire(key).Dispose()), "By", double.NaN);
    }

    private record struct Best(double PerSecond, double Nanoseconds)
    {
        public void Take(Best round)
        {
            PerSecond = Math.Max(PerSecond, round.PerSecond);
            Nanoseconds = Nanoseconds == 0 ? round.Nanoseconds : Math.Min(Nanoseconds, round.Nanoseconds);
        }
    }

    /// <summary>
    /// Wrong decisions and broken promises beside an exact sliding log, over the same requests; the peer column is .NET's fixed window's
    /// algorithm. All traffic goes to 1000 keys of Zipf popularity, in rushes of three times the usual a fifth of the time:
    /// ordinary is, over all keys together, 3 times one key's limit; crowded is 10 times, flooded 50 times. Aim: at most 0.1 % wrong in ordinary traffic.
    /// </summary>
    private static IEnumerable<Figure> AccuracyTable(bool quick)
    {
        var requests = quick ? 300_000 : 10_000_000;
        foreach (var (traffic, pressure) in new[] { ("ordinary", 3.0), ("crowded", 10.0), ("flooded", 50.0) })
        {
            var window = Accuracy.Measure(LimitAlgorithm.FixedWindow, requests, 7, pressure);
            var counter = Accuracy.Measure(LimitAlgorithm.SlidingWindowCounter, requests, 7, pressure);
            var bucket = Accuracy.Measure(LimitAlgorithm.TokenBucket, requests, 7, pressure);
            yield return Figure.LowerIsBetter($"token-bucket-violations-{traffic}-traffic", bucket.Violations, window.Violations, "requests", double.NaN);
            yield return new Figure(
                $"sliding-counter-wrong-{traffic}-traffic", counter.WrongShare * 100, window.WrongShare * 100, "%",
                counter.Wrong == 0 ? double.PositiveInfinity : window.WrongShare / counter.WrongShare,
                traffic == "ordinary" ? window.WrongShare * 100 / AimPercent : double.NaN);
            yield return Figure.LowerIsBetter($"sliding-counter-violations-{traffic}-traffic", counter.Violations, window.Violations, "requests", double.NaN);
        }
    }

    private static EmbeddedLimitStore NewStore() => new(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);

    /// <summary>The peer at its best: replenished by the partitioned limiter's own timer, no queue.</summary>
    private static PartitionedRateLimiter<string> NewPeer() =>
        PartitionedRateLimiter.Create<string, string>(key => RateLimitPartition.GetTokenBucketLimiter(key, static _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = 1_000_000_000,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = Refill,
            QueueLimit = 0,
            AutoReplenishment = true,
        }), StringComparer.Ordinal);

    /// <summary>The same keys for every seed, as strings of their own in another order.</summary>
    private static string[] NewKeys(int count, ulong seed)
    {
        var order = Enumerable.Range(0, count).ToArray();
        new SeededRandom(seed).Shuffle(order);
        return Array.ConvertAll(order, i => string.Create(CultureInfo.InvariantCulture, $"tenant-{i % 1000}/user-{i}"));
    }

    private static Best Measure(int threads, double seconds, string[] keys, Func<string, bool> decide)
    {
        var total = 0L;
        var started = Stopwatch.GetTimestamp();
        var deadline = started + (long)(seconds * Stopwatch.Frequency);
        var workers = new Thread[threads];
        for (var t = 0; t < threads; t++)
        {
            var at = (int)((long)keys.Length * t / threads);
            workers[t] = new Thread(() =>
            {
                var count = 0L;
                while (Stopwatch.GetTimestamp() < deadline)
                {
                    for (var i = 0; i < 1000; i++)
                    {
                        decide(keys[at]);
                        if (++at == keys.Length)
                            at = 0;
                    }

                    count += 1000;
                }

                Interlocked.Add(ref total, count);
            });
        }

        var processor = Environment.CpuUsage.TotalTime;
        foreach (var worker in workers)
            worker.Start();
        foreach (var worker in workers)
            worker.Join();
        return new Best(
            total / Stopwatch.GetElapsedTime(started).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalNanoseconds / total);
    }

    private static double AllocatedBy(string[] keys, Action<string> decide)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var key in keys)
            decide(key);
        return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)keys.Length;
    }

    private sealed class Owned(EmbeddedLimitStore store) : IDisposable
    {
        public EmbeddedLimitStore Store { get; } = store;

        public void Dispose() => Store.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}

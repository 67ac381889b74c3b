using System.Diagnostics;
using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.RateLimiter;

/// <summary>Bytes a key while the store fills, the cost of a decision as keys grow from ten thousand to ten million, and what idling costs.</summary>
internal static class LocalMemoryBench
{
    private const double AimBytes = 64;
    private const int Few = 10_000;
    private const int Many = 1_000_000;
    private static readonly Limit Kept = Limit.Create("kept", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromDays(1), burst: 1_000_000);

    public static IEnumerable<Figure> Run(bool quick)
    {
        var most = quick ? Many : 10 * Many;
        var store = new EmbeddedLimitStore(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        var empty = GC.GetTotalMemory(forceFullCollection: true);
        double worst = 0, few = 0, many = 0;
        var filled = 0;

        // Every fill counts, also just after a growth: measure at steps of a tenth.
        for (var next = Few; filled < most; next = Next(next, most))
        {
            for (; filled < next; filled++)
                store.TryAcquire(Key(filled), Kept, 1, out _);
            worst = Math.Max(worst, (GC.GetTotalMemory(forceFullCollection: true) - empty) / (double)filled);
            if (filled == Few)
                few = NanosecondsADecision(store, filled);
            if (filled == Many)
                many = NanosecondsADecision(store, filled);
        }

        var largest = most == Many ? many : NanosecondsADecision(store, filled);
        var idle = IdlePercent();
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();

        var peer = MeasurePeer();
        yield return new Figure("bytes-a-key-worst-of-all-fills", worst, peer.BytesAKey, "By", peer.BytesAKey / worst, peer.BytesAKey / AimBytes);
        yield return Figure.LowerIsBetter("decision-at-10k-keys", few, peer.Few, "ns", double.NaN);
        yield return Figure.LowerIsBetter("decision-at-1M-keys", many, peer.Many, "ns", double.NaN);
        yield return Figure.LowerIsBetter("slowdown-from-10k-to-1M-keys", many / few, peer.Many / peer.Few, "times", double.NaN);
        if (most > Many)
            yield return Figure.LowerIsBetter("decision-at-10M-keys-beside-ours-at-10k", largest, few, "ns", double.NaN);
        yield return Figure.LowerIsBetter("idle-processor-share", idle, peer.IdlePercent, "%", double.NaN);
    }

    /// <summary>A tenth more, and on the way exactly <see cref="Many"/> and the end.</summary>
    private static int Next(int filled, int most)
    {
        var next = (int)Math.Min(most, filled * 1.1);
        return filled < Many && next > Many ? Many : next;
    }

    private static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"user-{i}");

    private static double NanosecondsADecision(EmbeddedLimitStore store, int keys) =>
        NanosecondsADecision(keys, key => store.TryAcquire(key, Kept, 1, out _));

    /// <summary>By keys just made, so that besides them only the limiter's own memory is touched; making them is counted for both.</summary>
    private static double NanosecondsADecision(int keys, Action<string> decide)
    {
        const int Decisions = 10_000;
        var random = new SeededRandom(3);
        var best = double.MaxValue;
        for (var round = 0; round < 60; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < Decisions; i++)
                decide(Key(random.Next(keys)));
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / Decisions);
        }

        return best;
    }

    private static (double BytesAKey, double Few, double Many, double IdlePercent) MeasurePeer()
    {
        var empty = GC.GetTotalMemory(forceFullCollection: true);
        using var peer = PartitionedRateLimiter.Create<string, string>(key => RateLimitPartition.GetTokenBucketLimiter(key, static _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = 1_000_000,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
            AutoReplenishment = true,
        }), StringComparer.Ordinal);
        var filled = 0;
        Fill(Few);
        var few = NanosecondsADecision(filled, Decide);
        Fill(10 * Few);
        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - empty) / (double)filled;
        var idle = IdlePercent();
        Fill(Many);
        return (bytes, few, NanosecondsADecision(filled, Decide), idle);

        void Decide(string key) => peer.AttemptAcquire(key).Dispose();

        void Fill(int keys)
        {
            for (; filled < keys; filled++)
                Decide(Key(filled));
        }
    }

    /// <summary>Percent of one core that this process takes while nobody calls: the least of a few windows, since the runtime itself has work left now and then.</summary>
    private static double IdlePercent()
    {
        var least = double.MaxValue;
        for (var window = 0; window < 4; window++)
        {
            var before = Environment.CpuUsage.TotalTime;
            var started = Stopwatch.GetTimestamp();
            Thread.Sleep(500);
            least = Math.Min(least, (Environment.CpuUsage.TotalTime - before) / Stopwatch.GetElapsedTime(started) * 100);
        }

        return Math.Round(least, 2);
    }
}

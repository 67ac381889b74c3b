using System.Diagnostics;
using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.RateLimiter;

/// <summary>Bytes a key while the store fills, the cost of a decision at 10 thousand and at 10 million keys, and what idling costs.</summary>
internal static class LocalMemoryBench
{
    private const double AimBytes = 64;
    private static readonly Limit Kept = Limit.Create("kept", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromDays(1), burst: 1_000_000);

    public static IEnumerable<Figure> Run(bool quick)
    {
        var most = quick ? 2_000_000 : 10_000_000;
        using var store = new Disposed(new EmbeddedLimitStore(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance));
        var empty = GC.GetTotalMemory(forceFullCollection: true);
        var worst = 0.0;
        var small = 0.0;
        var filled = 0;
        Span<byte> key = stackalloc byte[16];

        // Every fill counts, also just after a growth: measure at steps of a tenth.
        for (var next = 10_000; filled < most; next = Math.Min(most, Math.Max(next + 1, (int)(next * 1.1))))
        {
            for (; filled < next; filled++)
                store.Store.TryAcquire(Key(filled), Kept, 1, out _);
            worst = Math.Max(worst, (GC.GetTotalMemory(forceFullCollection: true) - empty) / (double)filled);
            if (small == 0)
                small = NanosecondsADecision(store.Store, filled);
        }

        var (peerBytes, peerIdle) = MeasurePeer();
        yield return new Figure("bytes-a-key-worst-of-all-fills", worst, peerBytes, "By", peerBytes / worst, peerBytes / AimBytes);
        var large = NanosecondsADecision(store.Store, filled);
        yield return Figure.LowerIsBetter($"decision-at-{most / 1_000_000}M-keys-beside-10k", large, small, "ns", double.NaN);
        yield return Figure.LowerIsBetter("idle-processor-share", IdleShare(), peerIdle, "%", double.NaN);
    }

    private static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"user-{i}");

    /// <summary>By keys made on the stack, so that only the store's own memory is touched.</summary>
    private static double NanosecondsADecision(EmbeddedLimitStore store, int keys)
    {
        var random = new SeededRandom(3);
        var best = double.MaxValue;
        Span<byte> key = stackalloc byte[32];
        for (var round = 0; round < 20; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < 50_000; i++)
            {
                "user-"u8.CopyTo(key);
                random.Next(keys).TryFormat(key[5..], out var digits, default, CultureInfo.InvariantCulture);
                store.TryAcquire(key[..(5 + digits)], Kept, 1, out _);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / 50_000);
        }

        return best;
    }

    private static (double BytesAKey, double IdlePercent) MeasurePeer()
    {
        const int Keys = 100_000;
        var empty = GC.GetTotalMemory(forceFullCollection: true);
        using var peer = PartitionedRateLimiter.Create<string, string>(key => RateLimitPartition.GetTokenBucketLimiter(key, static _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = 1_000_000, TokensPerPeriod = 1, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0, AutoReplenishment = true,
        }), StringComparer.Ordinal);
        for (var i = 0; i < Keys; i++)
            peer.AttemptAcquire(Key(i)).Dispose();
        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - empty) / (double)Keys;
        var idle = IdleShare();
        GC.KeepAlive(peer);
        return (bytes, idle);
    }

    /// <summary>Percent of one core that this process takes while nobody calls.</summary>
    private static double IdleShare()
    {
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        Thread.Sleep(1000);
        process.Refresh();
        return Math.Round((process.TotalProcessorTime - before).TotalMilliseconds / 10, 1);
    }

    private sealed class Disposed(EmbeddedLimitStore store) : IDisposable
    {
        public EmbeddedLimitStore Store { get; } = store;

        public void Dispose() => Store.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}

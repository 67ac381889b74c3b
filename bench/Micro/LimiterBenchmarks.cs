using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Algorithms;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.Micro;

/// <summary>The parts of one decision of the embedded limiter: the key's hash, each algorithm's arithmetic, and the whole on one key.</summary>
[InProcess]
[MemoryDiagnoser]
public class LimiterBenchmarks
{
    private const string Key = "tenant-17/user-12345";
    private readonly EmbeddedKeyHash _hash = new(1, 2);
    private readonly EmbeddedLimitStore _store = new(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
    private Limit _limit = null!;
    private LimitState _state;
    private long _now;

    [Params(LimitAlgorithm.TokenBucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter)]
    public LimitAlgorithm Algorithm { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _limit = Limit.Create("micro", Algorithm, 1_000_000, TimeSpan.FromSeconds(1));
        _state = default;
        _now = 1_770_000_000_000_000_000;
    }

    [GlobalCleanup]
    public void Cleanup() => _store.DisposeAsync().AsTask().GetAwaiter().GetResult();

    [Benchmark]
    public ulong Hash()
    {
        _hash.Hash(_limit, Key, out var low, out _);
        return low;
    }

    [Benchmark]
    public long Arithmetic() => LimitAlgorithms.Decide(_limit.Terms, ref _state, null, _now += 1000, 1, charge: true).Remaining;

    [Benchmark]
    public bool Decision() => _store.TryAcquire(Key, _limit, 1, out _);
}

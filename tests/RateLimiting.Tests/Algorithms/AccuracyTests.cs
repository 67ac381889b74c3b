using Tenfold.Bench.RateLimiter;

namespace Tenfold.RateLimiting.Tests.Algorithms;

/// <summary>The accuracy table on 100,000 requests; the benchmark makes it on ten million.</summary>
public sealed class AccuracyTests
{
    [Fact]
    public void Algorithms_are_as_accurate_as_the_table_says()
    {
        var bucket = Accuracy.Measure(LimitAlgorithm.TokenBucket, 100_000, seed: 7);
        Assert.Equal(0, bucket.Violations);
        var log = Accuracy.Measure(LimitAlgorithm.SlidingWindowLog, 100_000, seed: 7);
        Assert.Equal((0L, 0L), (log.Violations, log.Wrong));
        var counter = Accuracy.Measure(LimitAlgorithm.SlidingWindowCounter, 100_000, seed: 7);
        Assert.InRange(counter.WrongShare, 0, 0.02);
        var window = Accuracy.Measure(LimitAlgorithm.FixedWindow, 100_000, seed: 7);
        Assert.True(window.WrongShare > counter.WrongShare);
    }
}

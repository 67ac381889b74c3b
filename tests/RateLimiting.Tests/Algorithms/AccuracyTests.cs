using Tenfold.Bench.RateLimiter;

namespace Tenfold.RateLimiting.Tests.Algorithms;

/// <summary>The accuracy table on 100,000 requests; the benchmark makes it on ten million.</summary>
public sealed class AccuracyTests
{
    private const double Ordinary = 3;
    private const double Flooded = 50;

    [Fact]
    public void Algorithms_are_as_accurate_as_the_table_says()
    {
        var bucket = Accuracy.Measure(LimitAlgorithm.TokenBucket, 100_000, seed: 7);
        Assert.Equal(0, bucket.Violations);
        var log = Accuracy.Measure(LimitAlgorithm.SlidingWindowLog, 100_000, seed: 7);
        Assert.Equal((0L, 0L), (log.Violations, log.Wrong));
    }

    [Fact]
    public void A_sliding_counter_is_wrong_at_most_once_in_a_thousand_ordinary_requests_and_never_more_often_than_a_fixed_window()
    {
        foreach (var pressure in (double[])[Ordinary, 10, Flooded])
        {
            var counter = Accuracy.Measure(LimitAlgorithm.SlidingWindowCounter, 100_000, seed: 7, pressure);
            var window = Accuracy.Measure(LimitAlgorithm.FixedWindow, 100_000, seed: 7, pressure);
            Assert.InRange(counter.WrongShare, 0, pressure == Ordinary ? 0.001 : 1);
            Assert.True(counter.Wrong < window.Wrong, $"{counter} against {window} at {pressure}");
            Assert.True(counter.Violations * 2 < window.Violations, $"{counter} against {window} at {pressure}");
        }
    }
}

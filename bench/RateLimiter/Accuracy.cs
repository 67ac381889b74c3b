using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.Bench.RateLimiter;

/// <summary>How often an algorithm decides otherwise than its exact reference, over the same recorded traffic.</summary>
/// <param name="Requests">Requests decided.</param>
/// <param name="Wrong">Decisions other than an exact sliding log's (which follows the algorithm's own admissions).</param>
/// <param name="Violations">
/// Admissions that break what the algorithm promises: for the token bucket more than burst + rate x time in any span; for the others more than the
/// limit in some window that ends now.
/// </param>
/// <param name="Rejected">Requests rejected.</param>
internal readonly record struct AccuracyResult(long Requests, long Wrong, long Violations, long Rejected)
{
    public double WrongShare => Wrong / (double)Requests;

    public double RejectedShare => Rejected / (double)Requests;
}

/// <summary>Makes the accuracy table: traffic with bursts and lulls over keys of Zipf popularity around the limit.</summary>
internal static class Accuracy
{
    private const int Keys = 1000;
    private const long Permits = 100;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    /// <summary>Measures one algorithm.</summary>
    /// <param name="algorithm">The algorithm.</param>
    /// <param name="requests">How many requests.</param>
    /// <param name="seed">Repeats the traffic.</param>
    /// <param name="pressure">Requests a period over all keys, in hundreds of the limit: 5 rejects about one in a hundred, 50 most of the popular keys'.</param>
    public static AccuracyResult Measure(LimitAlgorithm algorithm, int requests, ulong seed, double pressure = 5)
    {
        var random = new SeededRandom(seed);
        var limit = Limit.Create("measured", algorithm, Permits, Period);
        var exact = Limit.Create("exact", LimitAlgorithm.SlidingWindowLog, Permits, Period);
        var states = new LimitState[Keys];
        var logs = new LimitState[Keys];
        var meters = new (long Level, long At)[Keys];
        var slab = new LogSlab(new LogBudget(1 << 20));
        var exactSlab = new LogSlab(new LogBudget(1 << 20));
        var now = 1_770_000_000_000_000_000;
        long wrong = 0, violations = 0, rejected = 0;
        for (var i = 0; i < requests; i++)
        {
            // A rush of three times the traffic a fifth of the time.
            var mean = Period.TotalNanoseconds / (pressure * Permits) / ((i / 5_000) % 5 == 0 ? 3 : 1);
            now += (long)(-Math.Log(1 - random.NextDouble()) * mean);
            var key = (int)Math.Min(Keys - 1, Math.Exp(random.NextDouble() * Math.Log(Keys)) - 1);
            var decision = LimitAlgorithms.Decide(limit.Terms, ref states[key], slab, now, 1, charge: true);
            var reference = LimitAlgorithms.Decide(exact.Terms, ref logs[key], exactSlab, now, 1, charge: false);
            if (decision.HasRoom != reference.HasRoom)
                wrong++;
            if (!decision.HasRoom)
            {
                rejected++;
                continue;
            }

            if (algorithm != LimitAlgorithm.TokenBucket && !reference.HasRoom)
                violations++;
            LimitAlgorithms.Charge(exact.Terms, ref logs[key], exactSlab, now, 1);
            if (algorithm == LimitAlgorithm.TokenBucket && !KeepsRate(ref meters[key], now))
                violations++;
        }

        return new AccuracyResult(requests, wrong, violations, rejected);
    }

    /// <summary>
    /// A leaky bucket as a meter: it drains at the rate and each admission pours in a unit. It stays within the burst exactly when no
    /// span whatsoever saw more than burst + rate x time.
    /// </summary>
    private static bool KeepsRate(ref (long Level, long At) meter, long now)
    {
        var drained = Int128.Min(meter.Level, (Int128)(now - meter.At) * Permits);
        meter = (meter.Level - (long)drained + (Period.Ticks * 100), now);
        return meter.Level <= Permits * Period.Ticks * 100;
    }
}

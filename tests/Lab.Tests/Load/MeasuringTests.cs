using CsCheck;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Tests.Load;

public sealed class MeasuringTests
{
    [Fact]
    public void Percentiles_are_those_of_the_sorted_latencies_to_three_digits() =>
        Gen.Long[1, 100_000_000_000].Array[1, 500].Sample(latencies =>
        {
            var recorder = new LatencyRecorder();
            foreach (var latency in latencies)
                recorder.Record(latency);

            var sorted = latencies.Order().ToArray();
            foreach (var percentile in (double[])[50, 90, 99, 99.9])
            {
                // "The" percentile of a small sample lies between two ranks, and libraries differ on which to take.
                var rank = sorted.Length * percentile / 100;
                var low = sorted[Math.Max(0, (int)Math.Floor(rank) - 1)] / 1e9;
                var high = sorted[Math.Clamp((int)Math.Ceiling(rank), 1, sorted.Length) - 1] / 1e9;
                Assert.InRange(recorder.Percentile(percentile), low * 0.998, high * 1.002);
            }
        });

    [Fact]
    public void Arrivals_keep_their_rate_whether_even_or_random()
    {
        foreach (var random in (Random?[])[null, new Random(3)])
        {
            var schedule = new ArrivalSchedule(0, 10_000, random);
            var count = 0;
            for (; schedule.Next < 10 * LabClock.Second; schedule.Advance())
                count++;
            Assert.InRange(count, 98_500, 101_500);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_arrivals_and_keys()
    {
        static List<(long, int)> Make(int seed)
        {
            var schedule = new ArrivalSchedule(0, 1000, new Random(seed));
            var keys = new ZipfKeys(100, 1.1, new Random(seed));
            return [.. Enumerable.Range(0, 200).Select(_ =>
            {
                schedule.Advance();
                return (schedule.Next, keys.Next());
            })];
        }

        Assert.Equal(Make(5), Make(5));
        Assert.NotEqual(Make(5), Make(6));
    }

    [Fact]
    public void Zipf_keys_come_as_often_as_their_law_says()
    {
        var keys = new ZipfKeys(1000, 1, new Random(1));
        var counts = new int[1000];
        for (var i = 0; i < 200_000; i++)
            counts[keys.Next()]++;

        var harmonic = Enumerable.Range(1, 1000).Sum(k => 1.0 / k);
        foreach (var k in (int[])[1, 2, 10])
            Assert.Equal(1, counts[k - 1] / (200_000 / (harmonic * k)), 0.1);
    }

    [Fact]
    public void Littles_law_holds_for_what_the_meter_counts_and_breaks_when_answers_are_lost()
    {
        // 100 requests a second, each 50 ms in the system: L = 5.
        PhaseResult Measure(int loseEvery)
        {
            var meter = new PhaseMeter(0);
            for (var i = 0; i < 1000; i++)
            {
                var due = i * 10_000_000L;
                // Ends of earlier requests come before this arrival.
                if (i >= 5 && (loseEvery == 0 || i % loseEvery != 0))
                    meter.Ended(new Exchange(0, due - 50_000_000, due - 50_000_000, due, Ending.Admitted));
                meter.Arrived(due, due);
            }

            var phase = new LoadPhase { Name = "x", Target = null!, Protocol = null!, Workload = null!, RatePerSecond = 100, Duration = TimeSpan.FromSeconds(10) };
            return meter.Finish(phase, 10 * LabClock.Second);
        }

        Assert.Equal(5, Measure(loseEvery: 0).InSystem, 0.1);
        Assert.True(LittlesLaw.Difference(Measure(loseEvery: 0)) < LittlesLaw.Tolerance);
        Assert.True(LittlesLaw.Difference(Measure(loseEvery: 20)) > LittlesLaw.Tolerance);
    }

    [Fact]
    public void Saturation_is_where_answers_fall_behind()
    {
        var search = Run(capacity: 10_000, new SaturationSearch(1000, 2, 1, 1e6, 20));

        Assert.Equal(8000, search.Held);
        Assert.Equal(10_000, search.Peak);
        Assert.StartsWith("answers fell behind", search.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void One_stall_of_the_machine_does_not_end_the_search()
    {
        var steps = 0;
        var search = new SaturationSearch(1000, 2, 1, 1e6, 20);
        while (search.Next is { } rate)
        {
            steps++;
            search.Add(new PhaseResult("", 0, rate, Math.Min(rate, 10_000) * (steps == 2 ? 0.5 : 1), LatencySeconds.None, 0, 0, 0, 0, 0, []));
        }

        Assert.Equal((8000, 10_000), (search.Held, search.Peak));
        // The stalled step and the last are each run twice.
        Assert.Equal(7, search.Steps.Count);
    }

    [Fact]
    public void Saturation_is_also_where_latency_passes_its_bound()
    {
        var search = Run(capacity: 1e9, new SaturationSearch(1000, 2, p99BoundSeconds: 0.001, 1e6, 20));

        Assert.StartsWith("p99 passed its bound", search.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4000, 20, "the highest allowed rate holds")]
    [InlineData(1e6, 3, "3 steps done")]
    public void The_search_is_bounded_in_rate_and_steps(double maxRate, int maxSteps, string reason)
    {
        var search = Run(capacity: 1e9, new SaturationSearch(1000, 2, 1, maxRate, maxSteps));

        Assert.StartsWith(reason, search.Reason, StringComparison.Ordinal);
        Assert.True(search.Steps.Count <= maxSteps);
        Assert.True(search.Steps.Max(step => step.OfferedPerSecond) <= maxRate);
    }

    private static SaturationSearch Run(double capacity, SaturationSearch search)
    {
        while (search.Next is { } rate)
        {
            var latency = new LatencySeconds(0, 0, 0, rate / 1e6, 0, 0);
            search.Add(new PhaseResult("", 0, rate, Math.Min(rate, capacity), latency, 0, 0, 0, 0, 0, []));
        }

        return search;
    }
}

using CsCheck;
using Tenfold.Lab.Load;
using Tenfold.Lab.Promises;

namespace Tenfold.Lab.Tests.Promises;

public sealed class TokenBucketLawTests
{
    /// <summary>Permits a second and bucket size of the limiters below.</summary>
    private const double Rate = 100;
    private const int Burst = 10;

    [Fact]
    public void A_right_limiter_is_never_accused_whatever_the_delays_on_the_way() =>
        Gen.Select(Gen.Int, Gen.Int[1, 50]).Sample((seed, maxDelay) =>
        {
            var law = new TokenBucketLaw(Rate, Burst);

            Drive(law, new Bucket(Rate, Burst), new Random(seed), maxDelay * 1_000_000L);

            Assert.True(law.Check().Kept);
        });

    [Theory]
    [InlineData(1.2, Burst, "gives a fifth too much")]
    [InlineData(1, Burst + 12, "has too large a bucket")]
    public void A_broken_limiter_is_caught(double factor, int burst, string fault)
    {
        var law = new TokenBucketLaw(Rate, Burst);

        Drive(law, new Bucket(Rate * factor, burst), new Random(1), maxDelay: 5_000_000);

        var finding = law.Check();
        Assert.False(finding.Kept, fault);
        Assert.True(finding.Admitted > finding.Allowed);
        Assert.True(finding.End > finding.Start);
    }

    [Fact]
    public void A_fixed_window_is_caught_at_the_edge_of_two_windows()
    {
        // 100 in the last tenth of a second, 100 in the first of the next: within each window's limit, twice the limit in a fifth.
        var law = new TokenBucketLaw(Rate, 100);
        for (var i = 0; i < 200; i++)
        {
            var sent = 900_000_000L + i * 1_000_000;
            law.Add(sent, sent + 500_000);
        }

        var finding = law.Check();

        Assert.False(finding.Kept);
        Assert.Equal(200, finding.Admitted);
        Assert.InRange(finding.Allowed, 119, 121);
    }

    [Fact]
    public void The_quick_check_finds_what_looking_at_every_interval_finds() =>
        Gen.Select(Gen.Int[0, 300], Gen.Int[0, 40]).Array[1, 40].Sample(admissions =>
        {
            var law = new TokenBucketLaw(Rate, 3);
            foreach (var (sent, delay) in admissions)
                law.Add(sent * 1_000_000L, (sent + delay) * 1_000_000L);

            var worst = double.NegativeInfinity;
            foreach (var (start, _) in admissions)
            {
                foreach (var (lastSent, lastDelay) in admissions)
                {
                    var end = lastSent + lastDelay;
                    var inside = admissions.Count(other => other.Item1 >= start && other.Item1 + other.Item2 <= end);
                    if (end >= start)
                        worst = Math.Max(worst, inside - 3 - Rate * (end - start) / 1000.0);
                }
            }

            var finding = law.Check();
            Assert.Equal(worst <= 1e-6, finding.Kept);
            Assert.Equal(worst, finding.Admitted - finding.Allowed, 0.001);
        });

    [Fact]
    public void An_epoch_that_begins_anew_forgets_what_was()
    {
        var law = new TokenBucketLaw(Rate, 2);
        for (var i = 0; i < 3; i++)
            law.Add(0, 1);
        Assert.False(law.Check().Kept);

        law.Clear();
        law.Add(2, 3);

        Assert.True(law.Check().Kept);
    }

    [Fact]
    public void The_ledger_counts_every_check_and_keeps_the_first_failure()
    {
        var ledger = new PromiseLedger();
        ledger.Held("a", 10);
        ledger.Failed("a", "first");
        ledger.Failed("a", "second");
        ledger.Check("b", held: true, "fine");

        var results = ledger.Results();

        Assert.Equal((13, 2), (ledger.Checked, ledger.Broken));
        Assert.Equal(new PromiseResult("a", false, "2 of 12 checks failed; the first: first", 12), results[0]);
        Assert.Equal(new PromiseResult("b", true, "fine", 1), results[1]);
    }

    /// <summary>Twice the limit's load for ten seconds; each decision somewhere between send and receive.</summary>
    private static void Drive(TokenBucketLaw law, Bucket bucket, Random random, long maxDelay)
    {
        var decisions = new List<(long Sent, long Decided, long Received)>();
        for (var sent = 0L; sent < 10 * LabClock.Second; sent += random.NextInt64((long)(LabClock.Second / Rate)))
        {
            var decided = sent + random.NextInt64(maxDelay);
            decisions.Add((sent, decided, decided + random.NextInt64(maxDelay)));
        }

        foreach (var (sent, decided, received) in decisions.OrderBy(decision => decision.Decided))
        {
            if (bucket.TryTake(decided))
                law.Add(sent, received);
        }
    }

    /// <summary>The exact token bucket, the long way.</summary>
    private sealed class Bucket(double rate, int burst)
    {
        private double _tokens = burst;
        private long _last;

        public bool TryTake(long now)
        {
            _tokens = Math.Min(burst, _tokens + rate * (now - _last) / 1e9);
            _last = now;
            if (_tokens < 1)
                return false;
            _tokens--;
            return true;
        }
    }
}

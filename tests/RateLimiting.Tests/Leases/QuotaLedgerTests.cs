using CsCheck;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Tests.Leases;

/// <summary>Random histories of lending, spending, giving back and expiry, against an exact log of what was spent when.</summary>
public sealed class QuotaLedgerTests
{
    private const long Second = TimeSpan.TicksPerSecond;

    private static readonly Gen<(int Kind, int Pick, long Step)[]> Histories =
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1000], Gen.Long[0, 3 * Second]).Array[1, 200];

    [Fact]
    public void A_token_bucket_never_lends_what_a_central_bucket_would_refuse() =>
        Gen.Select(Gen.Long[1, 50], Gen.Long[1, 20], Histories).Sample((burst, permits, history) =>
        {
            var limit = new LimitTerms(LimitAlgorithm.TokenBucket, permits, 7 * Second, burst);
            var central = new CentralModel(limit);
            Play(limit, history, central.Admit);
            Assert.Equal(0, central.OverAdmitted);
        });

    [Fact]
    public void A_fixed_window_never_spends_more_than_its_permits_in_a_window() =>
        Gen.Select(Gen.Long[1, 50], Histories).Sample((permits, history) =>
        {
            var limit = new LimitTerms(LimitAlgorithm.FixedWindow, permits, 5 * Second, permits);
            var windows = new Dictionary<long, long>();
            Play(limit, history, (now, units) => windows[now / limit.Period] = windows.GetValueOrDefault(now / limit.Period) + units);
            Assert.All(windows.Values, used => Assert.InRange(used, 0, permits));
        });

    [Theory]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    [InlineData(LimitAlgorithm.SlidingWindowCounter)]
    public void A_sliding_window_never_spends_more_than_its_permits_in_any_window(LimitAlgorithm algorithm) =>
        Gen.Select(Gen.Long[1, 50], Histories).Sample((permits, history) =>
        {
            var limit = new LimitTerms(algorithm, permits, 5 * Second, permits);
            var log = new List<(long At, long Units)>();
            Play(limit, history, (now, units) => log.Add((now, units)));
            foreach (var (at, _) in log)
                Assert.InRange(log.Where(entry => entry.At >= at && entry.At < at + limit.Period).Sum(entry => entry.Units), 0, permits);
        });

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    public void What_it_says_of_the_time_until_free_comes_true(LimitAlgorithm algorithm) =>
        Gen.Select(Gen.Long[1, 50], Gen.Long[1, 50], Histories).Sample((permits, wanted, history) =>
        {
            var limit = new LimitTerms(algorithm, permits, 5 * Second, permits);
            var (ledger, now) = Play(limit, history, (_, _) => { }, settleAll: true);
            var wait = ledger.TimeUntilFree(now, wanted);
            if (wanted > permits)
            {
                Assert.Equal(long.MaxValue, wait);
                return;
            }

            Assert.Equal(wait > 0, ledger.Free(now) < wanted);
            Assert.True(ledger.Free(now + wait) >= wanted);
        });

    [Fact]
    public void A_ledger_of_unknown_past_begins_empty()
    {
        var limit = new LimitTerms(LimitAlgorithm.TokenBucket, 10, Second, 100);
        var ledger = QuotaLedger.Create(limit, 50 * Second, unknownBefore: 52 * Second);
        Assert.Equal(0, ledger.Free(52 * Second));
        Assert.Equal(10, ledger.Free(53 * Second));
        Assert.Equal(0, QuotaLedger.Create(limit with { Algorithm = LimitAlgorithm.FixedWindow, Period = 60 * Second }, 70 * Second, 70 * Second).Free(80 * Second));
        Assert.Equal(10, QuotaLedger.Create(limit with { Algorithm = LimitAlgorithm.SlidingWindowLog }, 70 * Second, 70 * Second).Free(71 * Second));
    }

    [Fact]
    public void A_clock_that_steps_back_mints_nothing()
    {
        var ledger = QuotaLedger.Create(new LimitTerms(LimitAlgorithm.TokenBucket, 10, Second, 10), 100 * Second);
        ledger.Lend(100 * Second, 10);
        ledger.Spend(100 * Second, 10);
        Assert.Equal(0, ledger.Free(99 * Second));
        Assert.Equal(0, ledger.Free(100 * Second));
        Assert.Equal(10, ledger.Free(101 * Second));
    }

    // Lent units are in the hands of one imagined holder, which spends them at any later time within their life.
    private static (QuotaLedger Ledger, long Now) Play(
        LimitTerms limit, (int Kind, int Pick, long Step)[] history, Action<long, long> spent, bool settleAll = false)
    {
        var now = 1000 * Second;
        var ledger = QuotaLedger.Create(limit, now);
        var generation = ledger.Generation(now);
        long inHand = 0, toReport = 0;
        spent(now, 0);
        foreach (var (kind, pick, step) in history)
        {
            now += step;
            if (ledger.Generation(now) != generation)
                (generation, inHand, toReport) = (ledger.Generation(now), 0, 0);
            switch (kind)
            {
                case 0 when ledger.Free(now) > 0:
                    var lend = 1 + (pick % ledger.Free(now));
                    ledger.Lend(now, lend);
                    inHand += lend;
                    break;
                case 1 when inHand > 0:
                    var use = 1 + (pick % inHand);
                    inHand -= use;
                    toReport += use;
                    spent(now, use);
                    break;
                case 2:
                    ledger.Spend(now, toReport);
                    toReport = 0;
                    break;
                case 3 when inHand > 0:
                    ledger.TakeBack(now, inHand);
                    inHand = 0;
                    break;
                default:
                    break;
            }
        }

        if (settleAll && ledger.Generation(now) == generation)
            ledger.Spend(now, inHand + toReport);
        return (ledger, now);
    }
}

using CsCheck;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Tests.Leases;

public sealed class RateSharesTests
{
    private const long Second = TimeSpan.TicksPerSecond;

    /// <summary>Whatever comes when: what all may be using at a time never sums to more than the rate.</summary>
    [Fact]
    public void What_is_in_use_never_sums_to_more_than_the_rate() =>
        Gen.Select(Gen.Int[0, 3], Gen.Long[1, 6], Gen.Double[0, 500]).Array[1, 200].Sample(history =>
        {
            const double Rate = 100;
            const long TimeToLive = 10 * Second;
            var shares = new RateShares(Rate);
            // What a holder may still be using: what it was told since its last report, or before and has not yet replaced.
            var using1 = new Dictionary<long, (double Most, double Told, long Until, bool Left)>();
            long now = 0;
            foreach (var (kind, holder, demand) in history)
            {
                now += Second;
                var known = using1.GetValueOrDefault(holder);
                switch (kind)
                {
                    case 0 or 1:
                        shares.Report(now, holder, demand);
                        using1[holder] = (known.Told, known.Told, known.Until, false);
                        break;
                    case 2 when using1.ContainsKey(holder) && !known.Left:
                        var share = shares.ShareOf(now, holder);
                        shares.Tell(holder, share, now + TimeToLive);
                        using1[holder] = (Math.Max(known.Most, share), share, now + TimeToLive, false);
                        break;
                    case 3 when using1.ContainsKey(holder):
                        shares.Leave(now, holder);
                        using1[holder] = known with { Left = true };
                        break;
                    default:
                        break;
                }

                foreach (var (name, gone) in using1.Where(entry => entry.Value.Left && now >= entry.Value.Until).ToList())
                    using1.Remove(name);
                Assert.InRange(using1.Values.Sum(entry => entry.Most), 0, Rate + 1e-6);
            }
        });

    [Fact]
    public void Shares_follow_demand_within_three_reports()
    {
        var shares = new RateShares(100);
        for (var round = 0L; round < 3; round++)
        {
            Round(shares, round, 1, 500);
            Round(shares, round, 2, 500);
        }

        Assert.Equal(50, shares.AssignedTo(1), 1e-6);
        Assert.Equal(50, shares.AssignedTo(2), 1e-6);
        for (var round = 3L; round < 6; round++)
        {
            Round(shares, round, 1, 20);
            Round(shares, round, 2, 500);
        }

        Assert.Equal(20, shares.AssignedTo(1), 1e-6);
        Assert.Equal(80, shares.AssignedTo(2), 1e-6);
    }

    private static void Round(RateShares shares, long round, long holder, double demand)
    {
        var now = round * Second;
        shares.Report(now, holder, demand);
        shares.Tell(holder, shares.ShareOf(now, holder), now + (10 * Second));
    }
}

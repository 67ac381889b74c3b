using CsCheck;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Tests.Leases;

public sealed class MaxMinSharesTests
{
    [Fact]
    public void Shares_equal_exact_water_filling() =>
        Gen.Select(
            Gen.Double[0, 10_000],
            Gen.Select(Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 1000]), Gen.Double[0.1, 10]).Array[1, 60]).Sample((capacity, holders) =>
        {
            var demands = holders.Select(h => h.Item1).ToArray();
            var weights = holders.Select(h => h.Item2).ToArray();
            var shares = new double[holders.Length];
            MaxMinShares.Fill(capacity, demands, weights, shares);
            var exact = WaterFilling.Exact(capacity, demands, weights);
            for (var i = 0; i < shares.Length; i++)
                Assert.Equal(exact[i], shares[i], 1e-6 * (1 + exact[i]));
            Assert.Equal(Math.Min(capacity, demands.Sum()), shares.Sum(), 1e-6 * (1 + capacity));
        });

    [Fact]
    public void Nobody_gets_less_for_a_neighbour_that_asks_for_more()
    {
        var shares = new double[3];
        MaxMinShares.Fill(90, [10, 1_000_000, 50], [1, 1, 1], shares);
        Assert.Equal([10, 40, 40], shares);
    }

    [Fact]
    public void Weights_divide_what_is_contended()
    {
        var shares = new double[2];
        MaxMinShares.Fill(100, [1000, 1000], [3, 1], shares);
        Assert.Equal([75, 25], shares);
    }
}

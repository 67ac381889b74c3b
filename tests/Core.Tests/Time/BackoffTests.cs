using CsCheck;
using Tenfold.Time;

namespace Tenfold.Core.Tests.Time;

public sealed class BackoffTests
{
    [Fact]
    public void Waits_stay_under_a_ceiling_that_doubles_up_to_the_cap() =>
        Gen.Select(Gen.Long[1, 10_000_000], Gen.Long[1, long.MaxValue], Gen.Int[0, 200], Gen.ULong).Sample((first, cap, attempt, seed) =>
        {
            var backoff = new Backoff(TimeSpan.FromTicks(Math.Min(first, cap)), TimeSpan.FromTicks(cap));
            var ceiling = backoff.CeilingOf(attempt);
            var exact = System.Numerics.BigInteger.Min(new System.Numerics.BigInteger(Math.Min(first, cap)) << attempt, cap);
            Assert.Equal((long)exact, ceiling.Ticks);
            Assert.InRange(backoff.WaitOf(attempt, new SeededRandom(seed)), TimeSpan.Zero, ceiling);
        });

    [Fact]
    public void Waits_are_spread_over_the_whole_range()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8));
        var random = new SeededRandom(1);
        double[] waits = [.. Enumerable.Range(0, 10_000).Select(_ => backoff.WaitOf(3, random).TotalSeconds)];
        Assert.InRange(waits.Average(), 3.9, 4.1);
        Assert.InRange(waits.Min(), 0, 0.01);
        Assert.InRange(waits.Max(), 7.99, 8);
    }
}

using CsCheck;

namespace Tenfold.Core.Tests;

public sealed class SeededRandomTests
{
    [Fact]
    public void A_seed_repeats_itself_and_forks_are_independent_of_what_was_drawn() => Gen.ULong.Sample(seed =>
    {
        var one = new SeededRandom(seed);
        var two = new SeededRandom(seed);
        var early = one.Fork("a");
        Assert.Equal(one.NextUInt64(), two.NextUInt64());
        Assert.Equal(early.NextUInt64(), two.Fork("a").NextUInt64());
        Assert.NotEqual(one.Fork("a").NextUInt64(), one.Fork("b").NextUInt64());
    });

    [Fact]
    public void Integers_are_uniform_and_in_range() => Gen.Select(Gen.Long, Gen.Long, Gen.ULong).Sample((a, b, seed) =>
    {
        var (low, high) = (Math.Min(a, b), Math.Max(a, b));
        var value = new SeededRandom(seed).NextInt64(low, high);
        Assert.True(value >= low && (value < high || low == high));
    });

    [Fact]
    public void Every_method_of_random_draws_from_the_seed()
    {
        var random = new SeededRandom(42);
        var counts = new int[10];
        for (var i = 0; i < 100_000; i++)
            counts[random.Next(10)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
        Assert.InRange(Enumerable.Range(0, 100_000).Average(_ => random.NextDouble()), 0.495, 0.505);
        Assert.InRange(Enumerable.Range(0, 100_000).Average(_ => random.NextExponential(3)), 2.95, 3.05);
        var bytes = new byte[37];
        random.NextBytes(bytes);
        var again = new byte[37];
        random.NextBytes(again);
        Assert.NotEqual(bytes, again);
        Assert.InRange(random.NextSingle(), 0f, 1f);
        Assert.InRange(random.Next(), 0, int.MaxValue);
    }
}

using CsCheck;
using Tenfold.Placement;

namespace Tenfold.Core.Tests.Placement;

public sealed class JumpHashTests
{
    [Fact]
    public void One_bucket_more_moves_keys_only_to_the_new_bucket() => Gen.Select(Gen.ULong, Gen.Int[1, 5_000]).Sample(
        (hash, buckets) =>
        {
            var before = JumpHash.BucketOf(hash, buckets);
            var after = JumpHash.BucketOf(hash, buckets + 1);
            Assert.InRange(before, 0, buckets - 1);
            Assert.True(after == before || after == buckets, $"moved from {before} to {after} of {buckets + 1}");
        },
        iter: 100_000);

    [Fact]
    public void The_share_that_moves_is_one_in_n()
    {
        var moved = 0;
        for (ulong key = 0; key < 100_000; key++)
            moved += JumpHash.BucketOf(KeyHash.Mix(1, key), 10) == JumpHash.BucketOf(KeyHash.Mix(1, key), 9) ? 0 : 1;
        Assert.InRange(moved, 9_500, 10_500);
    }

    [Fact]
    public void Buckets_are_balanced()
    {
        var counts = new int[16];
        for (ulong key = 0; key < 160_000; key++)
            counts[JumpHash.BucketOf(KeyHash.Mix(2, key), 16)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void It_is_the_published_function()
    {
        // Lamping and Veach's function itself, written from the paper's formula in floating point.
        static int Published(ulong key, int buckets)
        {
            long b = -1, j = 0;
            while (j < buckets)
            {
                b = j;
                key = unchecked((key * 2862933555777941757UL) + 1);
                j = (long)((b + 1) * ((1L << 31) / (double)((key >> 33) + 1)));
            }

            return (int)b;
        }

        Gen.Select(Gen.ULong, Gen.Int[1, 100_000]).Sample(
            (key, buckets) => Assert.Equal(Published(key, buckets), JumpHash.BucketOf(key, buckets)), iter: 50_000);
    }

    [Fact]
    public void No_bucket_is_a_fault() => Assert.Throws<ArgumentOutOfRangeException>(() => JumpHash.BucketOf(1, 0));
}

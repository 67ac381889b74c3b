using CsCheck;
using Tenfold.Placement;

namespace Tenfold.Core.Tests.Placement;

public sealed class RendezvousHashTests
{
    private static readonly string[] Names = [.. Enumerable.Range(0, 9).Select(i => $"node-{i}")];

    [Fact]
    public void A_nodes_leaving_moves_its_keys_to_their_second_best() => Gen.Select(Gen.ULong, Gen.Bool).Sample(
        (hash, weighted) =>
        {
            double[]? weights = weighted ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : null;
            var all = new RendezvousHash(Names, weights);
            var owners = new int[2];
            Assert.Equal(2, all.OwnersOf(hash, owners));
            Assert.Equal(all.OwnerOf(hash), owners[0]);

            string[] left = [.. Names.Where((_, i) => i != owners[0])];
            var fewer = new RendezvousHash(left, weights is null ? null : [.. weights.Where((_, i) => i != owners[0])]);
            Assert.Equal(Names[owners[1]], left[fewer.OwnerOf(hash)]);

            string[] others = [.. Names.Where((_, i) => i != owners[1])];
            var without = new RendezvousHash(others, weights is null ? null : [.. weights.Where((_, i) => i != owners[1])]);
            Assert.Equal(Names[owners[0]], others[without.OwnerOf(hash)]);
        },
        iter: 5_000);

    [Fact]
    public void Shares_follow_weights()
    {
        var hash = new RendezvousHash(["small", "large"], [1, 3]);
        var large = 0;
        for (ulong key = 0; key < 40_000; key++)
            large += hash.OwnerOf(KeyHash.Mix(4, key));
        Assert.InRange(large, 29_300, 30_700);
    }

    [Fact]
    public void All_owners_are_each_node_once_in_falling_score()
    {
        var hash = new RendezvousHash(Names);
        var owners = new int[20];
        for (ulong key = 0; key < 500; key++)
        {
            Assert.Equal(9, hash.OwnersOf(KeyHash.Mix(6, key), owners));
            Assert.Equal(Enumerable.Range(0, 9), owners.Take(9).Order());
        }
    }

    [Fact]
    public void Faults_say_what_to_do()
    {
        Assert.Contains("0 nodes", Assert.Throws<ArgumentException>(() => new RendezvousHash([])).Message, StringComparison.Ordinal);
        Assert.Contains("weight", Assert.Throws<ArgumentException>(() => new RendezvousHash(["a"], [0.0])).Message, StringComparison.Ordinal);
        Assert.Contains("2 weights for 1 nodes", Assert.Throws<ArgumentException>(() => new RendezvousHash(["a"], [1, 1])).Message, StringComparison.Ordinal);
    }
}

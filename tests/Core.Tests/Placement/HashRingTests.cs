using CsCheck;
using Tenfold.Placement;

namespace Tenfold.Core.Tests.Placement;

public sealed class HashRingTests
{
    private const int Keys = 20_000;

    private static readonly Gen<string[]> Nodes =
        Gen.Int[2, 40].SelectMany(n => Gen.Int[0, 1_000_000].Select(salt => Enumerable.Range(0, n).Select(i => $"node-{salt}-{i}").ToArray()));

    [Fact]
    public void A_nodes_leaving_moves_only_its_own_keys() => Nodes.Sample(
        nodes =>
        {
            var ring = new HashRing(nodes);
            var smaller = ring.Without(nodes[0]);
            for (ulong key = 0; key < 2_000; key++)
            {
                var hash = KeyHash.Mix(7, key);
                var before = ring.Nodes[ring.OwnerOf(hash)];
                var after = smaller.Nodes[smaller.OwnerOf(hash)];
                Assert.True(before == nodes[0] ? after != nodes[0] : after == before, $"key {key} went from {before} to {after}");
            }
        },
        iter: 30);

    [Fact]
    public void A_nodes_coming_takes_only_for_itself_and_the_ring_forgets_the_order_of_names() => Nodes.Sample(
        nodes =>
        {
            var ring = new HashRing(nodes.Skip(1));
            var larger = ring.With(nodes[0]);
            var same = new HashRing(nodes.Reverse());
            for (ulong key = 0; key < 2_000; key++)
            {
                var hash = KeyHash.Mix(11, key);
                var after = larger.Nodes[larger.OwnerOf(hash)];
                Assert.Equal(after, same.Nodes[same.OwnerOf(hash)]);
                if (after != nodes[0])
                    Assert.Equal(ring.Nodes[ring.OwnerOf(hash)], after);
            }
        },
        iter: 30);

    [Fact]
    public void The_table_over_top_bits_finds_the_point_that_a_linear_search_finds() => Gen.Select(Nodes, Gen.ULong, Gen.Int[1, 50]).Sample(
        (nodes, hash, points) =>
        {
            var ring = new HashRing(nodes, points);
            var expected = nodes
                .SelectMany(node => Enumerable.Range(0, points).Select(i => (Point: KeyHash.Mix(KeyHash.Of(node), (ulong)i), Node: node)))
                .OrderBy(p => p.Point < hash) // points at or after the hash first, then once around
                .ThenBy(p => p.Point)
                .First().Node;
            Assert.Equal(expected, ring.Nodes[ring.OwnerOf(hash)]);
        },
        iter: 300);

    [Fact]
    public void Shares_are_balanced()
    {
        var ring = new HashRing(Enumerable.Range(0, 20).Select(i => $"node-{i}"));
        var loads = new long[20];
        for (ulong key = 0; key < Keys * 10; key++)
            loads[ring.OwnerOf(KeyHash.Mix(3, key))]++;
        Assert.InRange(loads.Max() / (Keys * 10 / 20.0), 1, 1.35);
        Assert.InRange(loads.Min() / (Keys * 10 / 20.0), 0.65, 1);
    }

    [Fact]
    public void No_node_carries_more_than_its_bound() => Gen.Select(Nodes, Gen.Double[1.01, 3], Gen.ULong).Sample(
        (nodes, factor, seed) =>
        {
            var ring = new HashRing(nodes, 20);
            var loads = new long[nodes.Length];
            for (ulong key = 0; key < 3_000; key++)
            {
                var total = loads.Sum();
                var owner = ring.OwnerOf(KeyHash.Mix(seed, key), loads, factor);
                loads[owner]++;
                Assert.True(loads[owner] <= HashRing.CapacityOf(total, nodes.Length, factor), $"{loads[owner]} of {total + 1} on {nodes.Length}");
            }
        },
        iter: 30);

    [Fact]
    public void With_room_everywhere_a_bounded_owner_is_the_plain_owner()
    {
        var ring = new HashRing(["a", "b", "c"]);
        for (ulong key = 0; key < 1_000; key++)
            Assert.Equal(ring.OwnerOf(KeyHash.Mix(1, key)), ring.OwnerOf(KeyHash.Mix(1, key), [0, 0, 0], 3.1));
    }

    [Fact]
    public void Replicas_are_distinct_and_start_with_the_owner()
    {
        var ring = new HashRing(["a", "b", "c", "d"]);
        var owners = new int[6];
        for (ulong key = 0; key < 1_000; key++)
        {
            var hash = KeyHash.Mix(5, key);
            Assert.Equal(4, ring.OwnersOf(hash, owners));
            Assert.Equal(ring.OwnerOf(hash), owners[0]);
            Assert.Equal(4, owners.Take(4).Distinct().Count());
        }
    }

    [Fact]
    public void Faults_say_what_to_do()
    {
        Assert.Contains("0 nodes", Assert.Throws<ArgumentException>(() => new HashRing([])).Message, StringComparison.Ordinal);
        Assert.Contains("'a' is there twice", Assert.Throws<ArgumentException>(() => new HashRing(["a", "a"])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new HashRing(["a"], 0));
        var ring = new HashRing(["a", "b"]);
        Assert.Contains("over 1", Assert.Throws<ArgumentException>(() => ring.OwnerOf(1, [0, 0], 1)).Message, StringComparison.Ordinal);
        Assert.Contains("3 loads for 2 nodes", Assert.Throws<ArgumentException>(() => ring.OwnerOf(1, [0, 0, 0], 2)).Message, StringComparison.Ordinal);
        Assert.Contains("not on the ring", Assert.Throws<ArgumentException>(() => ring.Without("c")).Message, StringComparison.Ordinal);
    }
}

using System.Diagnostics;
using Tenfold.Placement;

namespace Tenfold.Bench.Core;

/// <summary>Look-ups in a ring of 100 nodes with 160 points each, beside the usual binary search over the same points; and the two hashes without a ring.</summary>
internal static class PlacementBench
{
    private const int Nodes = 100;

    public static IEnumerable<Figure> Run(bool quick)
    {
        var seconds = quick ? 0.4 : 2;
        string[] names = [.. Enumerable.Range(0, Nodes).Select(i => $"node-{i}")];
        var ring = new HashRing(names);
        var (points, owners) = BinarySearchRing(names);
        var rendezvous = new RendezvousHash(names);
        var loads = new long[Nodes];
        Array.Fill(loads, 1_000);

        var binary = NanosecondsOf(seconds, hash => owners[FirstAtOrAfter(points, hash)]);
        yield return Figure.LowerIsBetter("ring-lookup", NanosecondsOf(seconds, ring.OwnerOf), binary, "ns", 2);
        yield return Figure.LowerIsBetter("ring-lookup-bounded-load", NanosecondsOf(seconds, hash => ring.OwnerOf(hash, loads, 1.25)), binary, "ns", double.NaN);
        yield return Figure.LowerIsBetter("jump-hash-100-buckets", NanosecondsOf(seconds, hash => JumpHash.BucketOf(hash, Nodes)), binary, "ns", double.NaN);
        yield return Figure.LowerIsBetter("rendezvous-hash-100-nodes", NanosecondsOf(seconds, rendezvous.OwnerOf), binary, "ns", double.NaN);
    }

    private static double NanosecondsOf(double seconds, Func<ulong, int> lookup)
    {
        var best = double.MaxValue;
        var sum = 0L;
        var deadline = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        ulong key = 0;
        while (Stopwatch.GetTimestamp() < deadline)
        {
            const int Batch = 100_000;
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < Batch; i++)
                sum += lookup(KeyHash.Mix(1, key++));
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / Batch);
        }

        GC.KeepAlive(sum);
        return best;
    }

    private static (ulong[] Points, int[] Owners) BinarySearchRing(string[] names)
    {
        var all = names.SelectMany((name, node) => Enumerable.Range(0, HashRing.DefaultPointsPerNode).Select(i => (Point: KeyHash.Mix(KeyHash.Of(name), (ulong)i), node)))
            .OrderBy(p => p.Point).ToArray();
        return ([.. all.Select(p => p.Point)], [.. all.Select(p => p.node)]);
    }

    private static int FirstAtOrAfter(ulong[] points, ulong hash)
    {
        var at = Array.BinarySearch(points, hash);
        at = at < 0 ? ~at : at;
        return at == points.Length ? 0 : at;
    }
}

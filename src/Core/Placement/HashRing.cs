using System.Numerics;

namespace Tenfold.Placement;

/// <summary>
/// Consistent hashing (Karger 1997) with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): a node's coming or leaving moves only
/// its share of the keys, and no node is given more than <c>c</c> times the average load.
/// </summary>
/// <remarks>
/// Immutable and thread-safe. A look-up costs a few nanoseconds at any size: a table over the hash's top bits leads to the right point
/// instead of a binary search. Memory: about 24 bytes a point.
/// </remarks>
public sealed class HashRing
{
    /// <summary>Points a node unless told otherwise: the greatest share is then within about 30 % of the average.</summary>
    public const int DefaultPointsPerNode = 160;

    private readonly ulong[] _points;
    private readonly int[] _owners;
    private readonly int[] _firstAtOrAfter;
    private readonly int _shift;
    private readonly int _pointsPerNode;

    /// <summary>Makes a ring. The same names give the same ring, in whatever order.</summary>
    /// <param name="nodes">Names, each once; at least one.</param>
    /// <param name="pointsPerNode">1 to 10,000: more points, more even shares, more memory.</param>
    /// <exception cref="ArgumentException">No node, a name twice, or points out of range.</exception>
    public HashRing(IEnumerable<string> nodes, int pointsPerNode = DefaultPointsPerNode)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        string[] names = [.. nodes.Order(StringComparer.Ordinal)];
        NodeNames.Check(names);
        ArgumentOutOfRangeException.ThrowIfLessThan(pointsPerNode, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pointsPerNode, 10_000);
        Nodes = names;
        _pointsPerNode = pointsPerNode;
        _points = new ulong[names.Length * pointsPerNode];
        _owners = new int[_points.Length];
        for (var node = 0; node < names.Length; node++)
        {
            var hash = KeyHash.Of(names[node]);
            for (var i = 0; i < pointsPerNode; i++)
            {
                _points[(node * pointsPerNode) + i] = KeyHash.Mix(hash, (ulong)i);
                _owners[(node * pointsPerNode) + i] = node;
            }
        }

        // A tie between two nodes' points (2^-64 a pair) falls to the lower name, since names were sorted and the sort here is by both.
        Array.Sort(_points, _owners);
        var slotBits = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)_points.Length)) + 1;
        _shift = 64 - slotBits;
        _firstAtOrAfter = new int[1 << slotBits];
        var point = 0;
        for (var slot = 0; slot < _firstAtOrAfter.Length; slot++)
        {
            var start = (ulong)slot << _shift;
            while (point < _points.Length && _points[point] < start)
                point++;
            _firstAtOrAfter[slot] = point;
        }
    }

    /// <summary>The nodes in ordinal order; owners are indexes into it.</summary>
    public IReadOnlyList<string> Nodes { get; }

    /// <summary>The index in <see cref="Nodes"/> of the node that owns a key's hash.</summary>
    public int OwnerOf(ulong hash) => _owners[PointOf(hash)];

    /// <summary>
    /// The owner under bounded loads: the first node on the way round whose load, with this key, stays within
    /// ceil(<paramref name="factor"/> x (total + 1) / nodes).
    /// </summary>
    /// <param name="hash">From <see cref="KeyHash"/>.</param>
    /// <param name="loads">What each node in <see cref="Nodes"/> carries now.</param>
    /// <param name="factor">Over 1, as 1.25: the nearer to 1, the more even and the more keys move when a node leaves.</param>
    /// <exception cref="ArgumentException">Loads that do not fit the nodes, or a factor of 1 or less.</exception>
    public int OwnerOf(ulong hash, ReadOnlySpan<long> loads, double factor)
    {
        if (loads.Length != Nodes.Count)
            throw new ArgumentException($"{loads.Length} loads for {Nodes.Count} nodes: give one a node.", nameof(loads));
        if (!(factor > 1) || double.IsInfinity(factor))
            throw new ArgumentException($"factor = {factor}: must be over 1, as 1.25.", nameof(factor));
        long total = 0;
        foreach (var load in loads)
            total += load;
        var most = CapacityOf(total, Nodes.Count, factor);
        var point = PointOf(hash);

        // There is always room: nodes x most > total. So this ends within one turn.
        while (loads[_owners[point]] + 1 > most)
            point = point + 1 == _points.Length ? 0 : point + 1;
        return _owners[point];
    }

    /// <summary>The most that one node may carry when <paramref name="total"/> keys and one more are placed.</summary>
    public static long CapacityOf(long total, int nodes, double factor) => (long)Math.Ceiling(factor * (total + 1) / nodes);

    /// <summary>Fills <paramref name="owners"/> with a key's first distinct nodes on the way round (its replicas); returns how many there are.</summary>
    public int OwnersOf(ulong hash, Span<int> owners)
    {
        var wanted = Math.Min(owners.Length, Nodes.Count);
        var found = 0;
        for (int point = PointOf(hash), step = 0; found < wanted && step < _points.Length; step++)
        {
            if (!owners[..found].Contains(_owners[point]))
                owners[found++] = _owners[point];
            point = point + 1 == _points.Length ? 0 : point + 1;
        }

        return found;
    }

    /// <summary>The ring with one node more.</summary>
    public HashRing With(string node) => new([.. Nodes, node], _pointsPerNode);

    /// <summary>The ring with one node fewer.</summary>
    /// <exception cref="ArgumentException">No such node, or it is the last.</exception>
    public HashRing Without(string node)
    {
        if (!Nodes.Contains(node, StringComparer.Ordinal))
            throw new ArgumentException($"Node '{node}' is not on the ring.", nameof(node));
        return new(Nodes.Where(name => name != node), _pointsPerNode);
    }

    private int PointOf(ulong hash)
    {
        var point = _firstAtOrAfter[(int)(hash >> _shift)];
        while (point < _points.Length && _points[point] < hash)
            point++;
        return point == _points.Length ? 0 : point;
    }
}

namespace Tenfold.Placement;

/// <summary>
/// Rendezvous (highest random weight) hashing (Thaler and Ravishankar, 1998), weighted as -w / ln(h) (Schindelhauer and Schomaker, 2005):
/// each node scores each key, the highest scores own it. A node's leaving moves only its own keys, evenly to all others; the second
/// and third best are its natural replicas.
/// </summary>
/// <remarks>Immutable and thread-safe. O(n) a look-up: for tens of nodes; <see cref="HashRing"/> is for more.</remarks>
public sealed class RendezvousHash
{
    private readonly ulong[] _nodeHashes;
    private readonly double[]? _weights;

    /// <summary>Places keys on nodes.</summary>
    /// <param name="nodes">Names, each once; at least one.</param>
    /// <param name="weights">A weight over zero a node, or null when all are equal.</param>
    /// <exception cref="ArgumentException">No node, a name twice, or weights that do not fit.</exception>
    public RendezvousHash(IReadOnlyList<string> nodes, IReadOnlyList<double>? weights = null)
    {
        NodeNames.Check(nodes);
        if (weights is not null && (weights.Count != nodes.Count || weights.Any(w => !(w > 0) || double.IsInfinity(w))))
            throw new ArgumentException($"{weights.Count} weights for {nodes.Count} nodes: give each node one finite weight over zero.", nameof(weights));
        Nodes = [.. nodes];
        _nodeHashes = [.. nodes.Select(node => KeyHash.Of(node))];
        _weights = weights is null || weights.All(w => w == weights[0]) ? null : [.. weights];
    }

    /// <summary>The nodes, in the order given.</summary>
    public IReadOnlyList<string> Nodes { get; }

    /// <summary>The index in <see cref="Nodes"/> of a key's owner.</summary>
    public int OwnerOf(ulong hash)
    {
        var best = 0;
        var most = Score(0, hash);
        for (var node = 1; node < _nodeHashes.Length; node++)
        {
            var score = Score(node, hash);
            if (score > most)
                (best, most) = (node, score);
        }

        return best;
    }

    /// <summary>Fills <paramref name="owners"/> with the indexes of a key's best nodes, best first; returns how many there are.</summary>
    public int OwnersOf(ulong hash, Span<int> owners)
    {
        var found = 0;
        for (var node = 0; node < _nodeHashes.Length; node++)
        {
            var score = Score(node, hash);
            var at = found;
            while (at > 0 && score > Score(owners[at - 1], hash))
                at--;
            if (at == owners.Length)
                continue;
            found = Math.Min(found + 1, owners.Length);
            owners[at..(found - 1)].CopyTo(owners[(at + 1)..]);
            owners[at] = node;
        }

        return found;
    }

    private ulong Score(int node, ulong hash)
    {
        var score = KeyHash.Mix(_nodeHashes[node], hash);
        if (_weights is null)
            return score;

        // Positive doubles compare as their bits do, so both kinds of score are one unsigned number.
        var fraction = ((score >> 11) + 0.5) * (1.0 / (1UL << 53));
        return BitConverter.DoubleToUInt64Bits(-_weights[node] / Math.Log(fraction));
    }
}

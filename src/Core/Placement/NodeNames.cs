namespace Tenfold.Placement;

internal static class NodeNames
{
    /// <exception cref="ArgumentException">No node, or a name twice.</exception>
    public static void Check(IReadOnlyList<string> nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        if (nodes.Count == 0)
            throw new ArgumentException("0 nodes: a key needs at least one to be placed on.", nameof(nodes));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (string.IsNullOrEmpty(node))
                throw new ArgumentException("A node has no name.", nameof(nodes));
            if (!seen.Add(node))
                throw new ArgumentException($"Node '{node}' is there twice: give each its own name.", nameof(nodes));
        }
    }
}

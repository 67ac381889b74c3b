namespace Tenfold.Lab.Promises;

/// <summary>A segment tree with lazy prefix addition and the maximum with its place. O(log n) each.</summary>
internal sealed class PrefixAddMax
{
    private readonly int _leaves;
    private readonly double[] _max;
    private readonly double[] _added;
    private readonly int[] _place;

    public PrefixAddMax(int count)
    {
        _leaves = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, count));
        _max = new double[2 * _leaves];
        _added = new double[2 * _leaves];
        _place = new int[2 * _leaves];
        Array.Fill(_max, double.NegativeInfinity);
        for (var i = 0; i < _leaves; i++)
            _place[_leaves + i] = i;
        for (var i = _leaves - 1; i > 0; i--)
            _place[i] = _place[2 * i];
    }

    /// <summary>Sets a leaf's first value.</summary>
    public void Set(int index, double value)
    {
        var node = _leaves + index;
        _max[node] = value;
        for (node /= 2; node > 0; node /= 2)
            Pull(node);
    }

    /// <summary>Adds to the leaves 0..<paramref name="last"/>.</summary>
    public void AddToPrefix(int last, double value) => Add(1, 0, _leaves - 1, last, value);

    /// <summary>The greatest value among the leaves whose position is at most <paramref name="limit"/>, and its index.</summary>
    public (double Value, int Index) Max(long[] positions, long limit)
    {
        var end = Array.BinarySearch(positions, limit);
        end = end < 0 ? ~end - 1 : end;
        return Max(1, 0, _leaves - 1, end);
    }

    private void Add(int node, int low, int high, int last, double value)
    {
        if (low > last)
            return;
        if (high <= last)
        {
            _max[node] += value;
            _added[node] += value;
            return;
        }

        var middle = (low + high) / 2;
        Add(2 * node, low, middle, last, value);
        Add(2 * node + 1, middle + 1, high, last, value);
        Pull(node);
    }

    private (double Value, int Index) Max(int node, int low, int high, int last)
    {
        if (low > last)
            return (double.NegativeInfinity, -1);
        if (high <= last)
            return (_max[node], _place[node]);
        var middle = (low + high) / 2;
        var left = Max(2 * node, low, middle, last);
        var right = Max(2 * node + 1, middle + 1, high, last);
        var best = left.Value >= right.Value ? left : right;
        return (best.Value + _added[node], best.Index);
    }

    private void Pull(int node)
    {
        var left = _max[2 * node];
        var right = _max[2 * node + 1];
        (_max[node], _place[node]) = left >= right ? (left, _place[2 * node]) : (right, _place[2 * node + 1]);
        _max[node] += _added[node];
    }
}

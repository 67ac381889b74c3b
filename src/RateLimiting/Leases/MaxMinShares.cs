using System.Buffers;

namespace Tenfold.RateLimiting.Leases;

/// <summary>Weighted max-min fairness by water-filling (Bertsekas and Gallager, Data Networks, 6.5).</summary>
internal static class MaxMinShares
{
    /// <summary>
    /// Divides <paramref name="capacity"/>: nobody gets more than it demands, and nobody's share per weight can rise without
    /// lowering one that is no greater. Shares sum to min(capacity, total demand), to rounding.
    /// </summary>
    /// <remarks>O(n log n); no allocation beyond pooled arrays.</remarks>
    public static void Fill(double capacity, ReadOnlySpan<double> demands, ReadOnlySpan<double> weights, Span<double> shares)
    {
        var count = demands.Length;
        if (count == 0)
            return;
        var order = ArrayPool<int>.Shared.Rent(count);
        var levels = ArrayPool<double>.Shared.Rent(count);
        var weightLeft = 0.0;
        for (var i = 0; i < count; i++)
        {
            order[i] = i;
            levels[i] = demands[i] / weights[i];
            weightLeft += weights[i];
        }

        // The water rises until it meets the lowest demand per weight; who is full leaves with its demand.
        Array.Sort(levels, order, 0, count);
        var left = Math.Max(0, capacity);
        for (var k = 0; k < count; k++)
        {
            var i = order[k];
            var share = Math.Min(demands[i], weightLeft <= 0 ? 0 : left * weights[i] / weightLeft);
            shares[i] = share;
            left -= share;
            weightLeft -= weights[i];
        }

        ArrayPool<int>.Shared.Return(order);
        ArrayPool<double>.Shared.Return(levels);
    }
}

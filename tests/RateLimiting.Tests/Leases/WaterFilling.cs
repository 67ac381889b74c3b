namespace Tenfold.RateLimiting.Tests.Leases;

/// <summary>The slow, exact model: find the water level by bisection, nothing shared with the product's way.</summary>
internal static class WaterFilling
{
    public static double[] Exact(double capacity, double[] demands, double[] weights)
    {
        if (demands.Sum() <= capacity)
            return [.. demands];
        double low = 0, high = demands.Zip(weights, (d, w) => d / w).Max();
        for (var i = 0; i < 200; i++)
        {
            var level = (low + high) / 2;
            var poured = demands.Zip(weights, (d, w) => Math.Min(d, w * level)).Sum();
            if (poured > capacity)
                high = level;
            else
                low = level;
        }

        return [.. demands.Zip(weights, (d, w) => Math.Min(d, w * low))];
    }
}

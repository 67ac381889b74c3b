namespace Tenfold.Lab.Load;

/// <summary>Keys by Zipf's law: the k-th most wanted key comes 1/k^s as often as the first. Seeded.</summary>
internal sealed class ZipfKeys
{
    private readonly double[] _cumulative;
    private readonly Random _random;

    public ZipfKeys(int keys, double exponent, Random random)
    {
        _random = random;
        _cumulative = new double[keys];
        var sum = 0.0;
        for (var i = 0; i < keys; i++)
            _cumulative[i] = sum += Math.Pow(i + 1, -exponent);
        for (var i = 0; i < keys; i++)
            _cumulative[i] /= sum;
    }

    public int Next()
    {
        var at = Array.BinarySearch(_cumulative, _random.NextDouble());
        return Math.Min(at < 0 ? ~at : at, _cumulative.Length - 1);
    }
}

using System.Numerics;

namespace Tenfold.RateLimiting.Why;

/// <summary>
/// Counts durations in buckets of a sixteenth of a doubling or finer (6 % wide at most), from 16 ns to a minute; longer ones count as a minute.
/// After HdrHistogram's layout (Tene), cut down to what a live page needs.
/// </summary>
/// <remarks>Thread-safe without locks; 4 KB. Reading while others record is off by what they are just recording.</remarks>
internal sealed class LatencyHistogram
{
    private const int SubBits = 4;
    private const int MaxExponent = 36;
    private const int Buckets = (MaxExponent - SubBits + 1) << SubBits;

    private readonly long[] _counts = new long[Buckets];

    /// <summary>Counts one duration.</summary>
    public void Record(TimeSpan duration) => Interlocked.Increment(ref _counts[BucketOf(Math.Max(0, duration.Ticks) * 100)]);

    /// <summary>The counts so far, to read from or to take off a later copy.</summary>
    public long[] Copy()
    {
        var copy = new long[Buckets];
        for (var i = 0; i < copy.Length; i++)
            copy[i] = Volatile.Read(ref _counts[i]);
        return copy;
    }

    /// <summary>The counts of <paramref name="later"/> that <paramref name="earlier"/> has not.</summary>
    public static long[] Since(long[] later, long[] earlier)
    {
        var difference = new long[later.Length];
        for (var i = 0; i < difference.Length; i++)
            difference[i] = later[i] - earlier[i];
        return difference;
    }

    /// <summary>The duration in seconds that the given part (0 to 1) of all did not exceed; 0 when there are none.</summary>
    public static double Quantile(long[] counts, double part)
    {
        var total = counts.Sum();
        if (total == 0)
            return 0;
        var rank = (long)Math.Ceiling(total * part);
        var seen = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= rank)
                return UpperOf(i) / 1e9;
        }

        return UpperOf(counts.Length - 1) / 1e9;
    }

    private static int BucketOf(long nanoseconds)
    {
        if (nanoseconds < 1 << SubBits)
            return (int)nanoseconds;
        var exponent = BitOperations.Log2((ulong)nanoseconds);
        if (exponent >= MaxExponent)
            return Buckets - 1;
        var sub = (int)(nanoseconds >> (exponent - SubBits)) & ((1 << SubBits) - 1);
        return ((exponent - SubBits + 1) << SubBits) + sub;
    }

    private static double UpperOf(int bucket)
    {
        if (bucket < 1 << SubBits)
            return bucket;
        var exponent = (bucket >> SubBits) + SubBits - 1;
        var sub = bucket & ((1 << SubBits) - 1);
        return Math.ScaleB((1 << SubBits) + sub + 1, exponent - SubBits);
    }
}

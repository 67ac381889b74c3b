namespace Tenfold.Placement;

/// <summary>
/// Jump consistent hash (Lamping and Veach, 2014): a key's bucket among 0..n-1, without memory, perfectly balanced in expectation.
/// Going from n to n+1 buckets moves 1/(n+1) of the keys, all of them to the new bucket. Buckets come and go only at the end:
/// for numbered shards, not for servers that fail.
/// </summary>
public static class JumpHash
{
    /// <summary>The bucket of a key's hash. Costs O(log n).</summary>
    /// <param name="hash">From <see cref="KeyHash"/>.</param>
    /// <param name="buckets">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="buckets"/> is under 1.</exception>
    public static int BucketOf(ulong hash, int buckets)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(buckets, 1);
        long bucket = -1, next = 0;
        while (next < buckets)
        {
            bucket = next;
            hash = unchecked((hash * 2862933555777941757UL) + 1);
            next = (long)((bucket + 1) * (double)(1L << 31) / ((hash >> 33) + 1));
        }

        return (int)bucket;
    }
}

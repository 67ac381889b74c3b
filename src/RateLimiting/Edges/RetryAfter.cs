using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Tenfold.RateLimiting.Edges;

/// <summary>What <c>Retry-After</c> says (RFC 9110, 10.2.3), whichever face it is sent from.</summary>
internal static class RetryAfter
{
    /// <summary>
    /// Whole seconds after which to come back, at least 1; null when waiting alone never helps. Rounded up, and by up to a tenth later for each decision,
    /// so that all who were rejected together do not come back together.
    /// </summary>
    public static long? Seconds(RateLimitDecision decision)
    {
        if (decision.RetryAfter == Timeout.InfiniteTimeSpan)
            return null;
        var seconds = decision.RetryAfter <= TimeSpan.Zero ? 0 : ((decision.RetryAfter.Ticks - 1) / TimeSpan.TicksPerSecond) + 1;
        var spread = Math.Min(seconds / 10, 30) + 1;
        var jitter = seconds < 2 ? 0 : (long)(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(decision.Id.AsSpan())) % (ulong)spread);
        return Math.Max(1, seconds + jitter);
    }
}

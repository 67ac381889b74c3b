using System.Runtime.CompilerServices;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// The limits that <c>CL.THROTTLE</c> calls name in passing, so that a call allocates none. All have one id: as in redis-cell the state
/// belongs to the key alone, and a changed rate applies to it from the next call.
/// </summary>
/// <remarks>
/// Thread-safe. Each (burst, count, period) has one place in a table of fixed size, and the latest comer takes it: a flood of made-up
/// limits costs an allocation a call and no memory.
/// </remarks>
internal sealed class RespLimitCache
{
    /// <summary>The id of every limit here.</summary>
    public const string LimitId = "cl.throttle";

    private const int Places = 1024;

    private static readonly long MaxPeriodSeconds = (long)Limit.MaxPeriod.TotalSeconds;

    private readonly Limit?[] _limits = new Limit?[Places];

    /// <summary>The limit of one more than <paramref name="maxBurst"/> at once and <paramref name="count"/> a period, or null with what is wrong.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Limit? Find(long maxBurst, long count, long periodSeconds, out string? fault)
    {
        fault = null;
        var place = (int)(((ulong)((maxBurst * 31) + (count * 1_000_003) + (periodSeconds * 257)) * 0x9E3779B97F4A7C15UL) >> 54);
        var limit = _limits[place];
        return limit is not null
            && limit.Burst == maxBurst + 1
            && limit.Permits == count
            && limit.Period.Ticks == periodSeconds * TimeSpan.TicksPerSecond
            ? limit
            : Create(maxBurst, count, periodSeconds, place, out fault);
    }

    private Limit? Create(long maxBurst, long count, long periodSeconds, int place, out string? fault)
    {
        fault = maxBurst is < 0 or long.MaxValue ? $"ERR max_burst = {maxBurst}: must be at least 0"
            : count < 1 ? $"ERR count = {count}: must be at least 1"
            : periodSeconds < 1 || periodSeconds > MaxPeriodSeconds ? $"ERR period = {periodSeconds}: must be 1-{MaxPeriodSeconds} seconds"
            : null;
        if (fault is not null)
            return null;
        var limit = Limit.Create(
            LimitId, LimitAlgorithm.TokenBucket, count, TimeSpan.FromSeconds(periodSeconds), maxBurst + 1);
        Volatile.Write(ref _limits[place], limit);
        return limit;
    }
}

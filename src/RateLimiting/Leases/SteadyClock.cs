namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// A clock for the root of a lease tree, whose time mints units. It advances by the smaller of what two clocks say has passed,
/// so that a forward step of either mints nothing and a backward step of either only pauses it.
/// </summary>
/// <remarks>Not thread-safe: it belongs to one owner. Ticks of 100 ns, aligned to UTC at the start.</remarks>
internal sealed class SteadyClock(long monotonic, long wall)
{
    private long _monotonic = monotonic;
    private long _wall = wall;

    /// <summary>The time now.</summary>
    public long Now { get; private set; } = wall;

    /// <summary>Reads both clocks, in ticks, and returns the time.</summary>
    public long Advance(long monotonic, long wall)
    {
        Now += Math.Max(0, Math.Min(monotonic - _monotonic, wall - _wall));
        _monotonic = monotonic;
        _wall = wall;
        return Now;
    }
}

using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The clocks of the lease tree on this machine: monotonic for leases, guarded by the wall clock where time mints units.</summary>
internal sealed class HierarchicalClock(TimeProvider time)
{
    private readonly long _startStamp = time.GetTimestamp();
    private readonly long _startTicks = time.GetUtcNow().UtcTicks;

    /// <summary>The time source for waits.</summary>
    public TimeProvider Time => time;

    /// <summary>Ticks: monotonic, aligned to UTC at the start.</summary>
    public long Now => _startTicks + time.GetElapsedTime(_startStamp).Ticks;

    /// <summary>A clock for a root.</summary>
    public SteadyClock StartSteady() => new(Now, time.GetUtcNow().UtcTicks);

    /// <summary>Reads a root's clock.</summary>
    public long Advance(SteadyClock clock) => clock.Advance(Now, time.GetUtcNow().UtcTicks);
}

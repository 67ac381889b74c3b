namespace Tenfold.Time;

/// <summary>
/// Hybrid logical clock (Kulkarni, Demirbas et al., 2014): timestamps that respect cause and effect between nodes and stay near
/// physical time. Strictly rising within a node, also when its wall clock steps back.
/// </summary>
/// <remarks>Thread-safe and lock-free. A timestamp from a node whose clock is further ahead than the allowed drift is refused,
/// so that one bad clock cannot drag all others into the future.</remarks>
public sealed class HybridLogicalClock
{
    private readonly TimeProvider _time;
    private readonly long _maxDriftMilliseconds;
    private ulong _last;

    /// <summary>Creates a clock.</summary>
    /// <param name="time">The physical clock.</param>
    /// <param name="maxDrift">How far ahead of us another node's timestamp may be; null means 500 ms.</param>
    public HybridLogicalClock(TimeProvider time, TimeSpan? maxDrift = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _maxDriftMilliseconds = (long)(maxDrift ?? TimeSpan.FromMilliseconds(500)).TotalMilliseconds;
    }

    /// <summary>The timestamp of a local event or of a message to send: after every timestamp given or seen before.</summary>
    public HybridTimestamp Now() => Advance(0);

    /// <summary>Takes in the timestamp of a received message and gives the receipt's own, which is after both.</summary>
    /// <exception cref="ClockDriftException">The message comes from further ahead than the allowed drift; nothing changed.</exception>
    public HybridTimestamp Receive(HybridTimestamp remote)
    {
        var ahead = remote.UnixMilliseconds - PhysicalMilliseconds();
        if (ahead > _maxDriftMilliseconds)
            throw new ClockDriftException(TimeSpan.FromMilliseconds(ahead), TimeSpan.FromMilliseconds(_maxDriftMilliseconds));
        return Advance(remote.Value);
    }

    private HybridTimestamp Advance(ulong seen)
    {
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var physical = (ulong)PhysicalMilliseconds() << 16;

            // A counter that overflows carries into the milliseconds: still rising, at most a millisecond early.
            var next = Math.Max(physical, Math.Max(last, seen) + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
                return new HybridTimestamp(next);
        }
    }

    private long PhysicalMilliseconds() => _time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>Another node's clock is further ahead than allowed: check time synchronisation there.</summary>
/// <param name="ahead">How far it is ahead of this node.</param>
/// <param name="allowed">How far it may be.</param>
public sealed class ClockDriftException(TimeSpan ahead, TimeSpan allowed) : TenfoldException(
    $"A timestamp is {ahead.TotalMilliseconds:F0} ms ahead of this node, {allowed.TotalMilliseconds:F0} ms are allowed: check the clocks of both nodes (NTP).")
{
    /// <summary>How far the other clock is ahead.</summary>
    public TimeSpan Ahead { get; } = ahead;

    /// <summary>How far it may be.</summary>
    public TimeSpan Allowed { get; } = allowed;
}

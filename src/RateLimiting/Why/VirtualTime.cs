namespace Tenfold.RateLimiting.Why;

/// <summary>A clock that stands still until it is set: hours of traffic replay in the time that deciding it takes.</summary>
internal sealed class VirtualTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private long _ticks;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Sets the time since the start; never back.</summary>
    public void Set(TimeSpan since) => _ticks = Math.Max(_ticks, since.Ticks);

    /// <inheritdoc/>
    public override long GetTimestamp() => _ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => Start + TimeSpan.FromTicks(_ticks);
}

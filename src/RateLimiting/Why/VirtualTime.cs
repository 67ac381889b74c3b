namespace Tenfold.RateLimiting.Why;

/// <summary>A clock that stands still until it is set: hours of traffic replay in the time that deciding it takes.</summary>
/// <param name="start">What it shows when nothing was set: windows are aligned to the calendar, so it matters.</param>
internal sealed class VirtualTime(DateTimeOffset start) : TimeProvider
{
    private long _ticks;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Sets the time since the start; never back.</summary>
    public void Set(TimeSpan since) => _ticks = Math.Max(_ticks, since.Ticks);

    /// <inheritdoc/>
    public override long GetTimestamp() => _ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => start + TimeSpan.FromTicks(_ticks);
}

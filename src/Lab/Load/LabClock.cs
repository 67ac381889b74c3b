namespace Tenfold.Lab.Load;

/// <summary>
/// One time axis for a run: nanoseconds since the run began, from the monotonic clock. Load, faults and promise checks
/// share it, so that "sent before the kill" can be decided.
/// </summary>
internal sealed class LabClock(TimeProvider time)
{
    public const long Second = 1_000_000_000;

    private readonly long _origin = time.GetTimestamp();
    private readonly double _scale = 1e9 / time.TimestampFrequency;

    public TimeProvider Time => time;

    public long Now => (long)((time.GetTimestamp() - _origin) * _scale);

    public double Seconds => Now / 1e9;

    public static long Nanoseconds(TimeSpan span) => span.Ticks * 100;
}

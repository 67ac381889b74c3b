namespace Tenfold.Time;

/// <summary>
/// Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015): the n-th wait is uniform in
/// [0, min(cap, base x 2^n)], so that clients which failed together do not return together.
/// </summary>
/// <param name="Base">The greatest first wait; over zero.</param>
/// <param name="Cap">The greatest wait ever; at least <paramref name="Base"/>.</param>
public readonly record struct Backoff(TimeSpan Base, TimeSpan Cap)
{
    /// <summary>The wait before a retry.</summary>
    /// <param name="attempt">0 for the first retry.</param>
    /// <param name="random">The source of jitter.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative attempt.</exception>
    public TimeSpan WaitOf(int attempt, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return TimeSpan.FromTicks((long)(CeilingOf(attempt).Ticks * random.NextDouble()));
    }

    /// <summary>The greatest wait before a retry.</summary>
    public TimeSpan CeilingOf(int attempt)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(attempt);
        return attempt >= 62 || Base.Ticks > Cap.Ticks >> attempt ? Cap : TimeSpan.FromTicks(Base.Ticks << attempt);
    }
}

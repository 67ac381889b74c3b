namespace Tenfold.Lab.Load;

/// <summary>
/// When each request is due, whatever the server does: an open loop. Poisson arrivals (independent users) or evenly spaced ones.
/// </summary>
internal sealed class ArrivalSchedule
{
    private readonly Random? _random;
    private readonly double _meanGap;
    private double _next;

    /// <param name="start">Nanoseconds at which the phase begins.</param>
    /// <param name="ratePerSecond">More than zero.</param>
    /// <param name="random">Makes the gaps exponential; null makes them even.</param>
    public ArrivalSchedule(long start, double ratePerSecond, Random? random)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ratePerSecond);
        _random = random;
        _meanGap = LabClock.Second / ratePerSecond;
        _next = start;
        Advance();
    }

    /// <summary>When the next request is due.</summary>
    public long Next => (long)_next;

    public void Advance() => _next += _random is null ? _meanGap : -Math.Log(1 - _random.NextDouble()) * _meanGap;
}

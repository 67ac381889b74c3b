namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// The single central token bucket that a lease tree is measured against: it sees every admission in true time, refuses none, and
/// remembers how deep it was driven under zero.
/// </summary>
/// <remarks>Exact: units are kept as unit-ticks in 128 bits.</remarks>
internal sealed class CentralModel(LimitTerms limit)
{
    private Int128 _level = (Int128)limit.Burst * limit.Period;
    private long _at;

    /// <summary>Units admitted in all.</summary>
    public long Admitted { get; private set; }

    /// <summary>The most units by which admissions ever went beyond what the central bucket would have admitted.</summary>
    public double OverAdmitted { get; private set; }

    /// <summary>Books an admission at true time <paramref name="now"/> (ticks, not falling).</summary>
    public void Admit(long now, long units)
    {
        _level = Int128.Min((Int128)limit.Burst * limit.Period, _level + ((Int128)(now - _at) * limit.Permits));
        _at = now;
        _level -= (Int128)units * limit.Period;
        Admitted += units;
        if (_level < 0)
            OverAdmitted = Math.Max(OverAdmitted, (double)-_level / limit.Period);
    }
}

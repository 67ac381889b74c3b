namespace Tenfold.RateLimiting.Leases;

/// <summary>Units of one aligned window; what is lent dies with its window.</summary>
internal sealed class FixedWindowLedger : QuotaLedger
{
    private readonly LimitTerms _limit;
    private long _window;
    private long _used;

    public FixedWindowLedger(LimitTerms limit, long now, long? unknownBefore)
    {
        _limit = limit;
        _window = now / limit.Period;
        if (unknownBefore is { } moment && moment / limit.Period >= _window)
            _used = limit.Permits;
    }

    public override double Rate => _limit.Rate;

    public override long Ceiling => _limit.Permits;

    public override long Generation(long now)
    {
        Roll(now);
        return _window;
    }

    public override long Free(long now)
    {
        Roll(now);
        return _limit.Permits - _used - Lent;
    }

    public override long LendableUntil(long now)
    {
        Roll(now);
        return (_window + 1) * _limit.Period;
    }

    public override long TimeUntilFree(long now, long units)
    {
        if (units > _limit.Permits)
            return long.MaxValue;
        return units <= Free(now) ? 0 : ((_window + 1) * _limit.Period) - now;
    }

    public override long TimeUntilFull(long now)
    {
        Roll(now);
        return _used == 0 ? 0 : ((_window + 1) * _limit.Period) - now;
    }

    public override void Lend(long now, long units)
    {
        Roll(now);
        Lent += units;
    }

    public override void Spend(long now, long units)
    {
        Roll(now);
        Lent -= units;
        _used += units;
    }

    public override void TakeBack(long now, long units)
    {
        Roll(now);
        Lent -= units;
    }

    public override void Charge(long now, long units, long deepest = long.MaxValue)
    {
        Roll(now);
        _used += units;
    }

    private void Roll(long now)
    {
        var window = now / _limit.Period;
        if (window <= _window)
            return;
        _window = window;
        _used = 0;
        Lent = 0;
    }
}

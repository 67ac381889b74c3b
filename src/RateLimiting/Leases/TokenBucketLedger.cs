namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// A token bucket whose lent units still count as being in the bucket: it refills only while free + lent is under the burst.
/// </summary>
internal sealed class TokenBucketLedger : QuotaLedger
{
    private readonly LimitTerms _limit;
    private long _free;
    private long _mintedUntil;

    public TokenBucketLedger(LimitTerms limit, long now, long? unknownBefore)
    {
        _limit = limit;
        _free = unknownBefore is null ? limit.Burst : 0;
        _mintedUntil = unknownBefore ?? now;
    }

    public override double Rate => _limit.Rate;

    public override long Ceiling => _limit.Burst;

    public override long Free(long now)
    {
        Mint(now);
        return _free;
    }

    public override long TimeUntilFree(long now, long units)
    {
        Mint(now);
        if (units > _limit.Burst)
            return long.MaxValue;
        return units <= _free ? 0 : Math.Max(1, TicksFor(units - _free) - Math.Max(0, now - _mintedUntil));
    }

    public override long TimeUntilFull(long now)
    {
        Mint(now);
        var missing = _limit.Burst - _free - Lent;
        return missing <= 0 ? 0 : Math.Max(1, TicksFor(missing) - Math.Max(0, now - _mintedUntil));
    }

    public override void Lend(long now, long units)
    {
        Mint(now);
        _free -= units;
        Lent += units;
    }

    public override void Spend(long now, long units)
    {
        Mint(now);
        Lent -= units;
    }

    public override void TakeBack(long now, long units)
    {
        Lent -= units;
        _free += units;
    }

    public override void Charge(long now, long units, long deepest = long.MaxValue)
    {
        Mint(now);
        _free = Math.Max(Math.Min(_free, -deepest), _free - units);
    }

    private void Mint(long now)
    {
        if (now <= _mintedUntil)
            return;
        var room = _limit.Burst - _free - Lent;
        if (room <= 0)
        {
            _mintedUntil = now;
            return;
        }

        var minted = (Int128)(now - _mintedUntil) * _limit.Permits / _limit.Period;
        if (minted >= room)
        {
            _free += room;
            _mintedUntil = now;
            return;
        }

        // Rounded up: the part of a tick that is lost is never minted twice.
        _free += (long)minted;
        _mintedUntil += TicksFor((long)minted);
    }

    private long TicksFor(long units) => (long)((((Int128)units * _limit.Period) + _limit.Permits - 1) / _limit.Permits);
}

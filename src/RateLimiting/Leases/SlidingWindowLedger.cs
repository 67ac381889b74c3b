namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// At most the permits in any window whatsoever: a spent unit comes back one period after the last moment at which it can have been
/// spent (the report that told of it, or the lease's end).
/// </summary>
/// <remarks>Memory: one entry a report that told of spending, at most 1,024; beyond that entries are joined, always to the later time.</remarks>
internal sealed class SlidingWindowLedger : QuotaLedger
{
    private const int MostEntries = 1024;

    private readonly LimitTerms _limit;
    private readonly Queue<(long FreeAt, long Units)> _spent = new();
    private long _used;
    private (long FreeAt, long Units) _last;

    public SlidingWindowLedger(LimitTerms limit, long now, long? unknownBefore)
    {
        _limit = limit;
        if (unknownBefore is { } moment && moment + limit.Period > now)
            Use(moment, limit.Permits);
    }

    public override double Rate => _limit.Rate;

    public override long Ceiling => _limit.Permits;

    public override long Free(long now)
    {
        Release(now);
        return _limit.Permits - _used - Lent;
    }

    public override long TimeUntilFree(long now, long units)
    {
        if (units > _limit.Permits)
            return long.MaxValue;
        var free = Free(now);
        if (units <= free)
            return 0;
        foreach (var (freeAt, count) in _spent)
        {
            if ((free += count) >= units)
                return freeAt - now;
        }

        return free + _last.Units >= units && _last.Units > 0 ? _last.FreeAt - now : _limit.Period;
    }

    public override long TimeUntilFull(long now)
    {
        Release(now);
        return _used == 0 ? 0 : _last.FreeAt - now;
    }

    public override void Lend(long now, long units) => Lent += units;

    public override void Spend(long now, long units)
    {
        Lent -= units;
        Use(now, units);
    }

    public override void TakeBack(long now, long units) => Lent -= units;

    public override void Charge(long now, long units, long deepest = long.MaxValue) => Use(now, units);

    private void Use(long now, long units)
    {
        if (units == 0)
            return;
        _used += units;
        var freeAt = Math.Max(_last.FreeAt, now + _limit.Period);
        // The newest entry stays open, so that many reports within a slot make one entry.
        if (_last.Units > 0 && freeAt != _last.FreeAt && (_spent.Count < MostEntries / 8 || freeAt - _last.FreeAt > _limit.Period / (MostEntries / 2)))
        {
            _spent.Enqueue(_last);
            _last = default;
        }

        _last = (freeAt, _last.Units + units);
    }

    private void Release(long now)
    {
        while (_spent.TryPeek(out var first) && first.FreeAt <= now)
        {
            _used -= first.Units;
            _spent.Dequeue();
        }

        if (_last.Units > 0 && _last.FreeAt <= now)
        {
            _used -= _last.Units;
            _last.Units = 0;
        }
    }
}

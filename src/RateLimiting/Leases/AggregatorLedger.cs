namespace Tenfold.RateLimiting.Leases;

/// <summary>What a regional aggregator may lend: the units that it leased itself, and no longer than its own lease lasts.</summary>
internal sealed class AggregatorLedger(LeaseTerms terms, LeaseHolder above, long ceiling) : QuotaLedger
{
    private long _ceiling = ceiling;

    /// <summary>The aggregator's own lease.</summary>
    public LeaseHolder Above => above;

    // Not advanced by the time: what holders below have to say is heard before the lease above is declared dead.
    public override long Generation(long now) => above.Generation;

    /// <summary>Follows a changed limit.</summary>
    public void Follow(in LimitTerms limit) => _ceiling = limit.Burst;

    public override double Rate => above.Share;

    public override long Ceiling => _ceiling;

    public override long Free(long now)
    {
        return above.Spendable(now);
    }

    public override long FreeInAll(long now) => Free(now) + above.FreeAbove;

    // A lease below is reclaimed one clock step after its end; by then the lease above must still stand.
    public override long LendableUntil(long now) =>
        above.IsCutOff(now) && terms.Mode == PartitionMode.Available ? long.MaxValue : above.ExpiresAt - terms.ClockStep;

    public override long TimeUntilFree(long now, long units)
    {
        if (units > _ceiling)
            return long.MaxValue;
        return Free(now) >= units ? 0 : above.DryUntil == long.MaxValue ? long.MaxValue : Math.Max(0, above.DryUntil - now);
    }

    public override long TimeUntilFull(long now) => above.IsIdle ? 0 : 1;

    public override void Lend(long now, long units)
    {
        if (!above.TrySetAside(now, units))
            throw new InvalidOperationException($"An aggregator lent {units} units and has {above.Held}: its loop was entered twice.");
    }

    public override void Spend(long now, long units) => above.Release(now, above.Generation, units, units);

    public override void TakeBack(long now, long units) => above.Release(now, above.Generation, units, 0);

    public override void Charge(long now, long units, long deepest = long.MaxValue) => above.Charge(now, units);
}

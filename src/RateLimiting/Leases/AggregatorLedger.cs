namespace Tenfold.RateLimiting.Leases;

/// <summary>What a regional aggregator may lend: the units that it leased itself, and no longer than its own lease lasts.</summary>
internal sealed class AggregatorLedger(LeaseTerms terms, LeaseHolder above, long ceiling) : QuotaLedger
{
    /// <summary>The aggregator's own lease.</summary>
    public LeaseHolder Above => above;

    public override long Generation(long now)
    {
        above.Expire(now);
        return above.Generation;
    }

    public override double Rate => above.Share;

    public override long Ceiling => ceiling;

    public override long Free(long now)
    {
        Lent = above.SetAside;
        return above.Spendable(now);
    }

    // A lease below is reclaimed one clock step after its end; by then the lease above must still stand.
    public override long LendableUntil(long now) =>
        above.IsCutOff(now) && terms.Mode == PartitionMode.Available ? long.MaxValue : above.ExpiresAt - terms.ClockStep;

    public override long TimeUntilFree(long now, long units)
    {
        if (units > ceiling)
            return long.MaxValue;
        return Free(now) >= units ? 0 : Math.Max(1, Math.Max(above.DryUntil == long.MaxValue ? 0 : above.DryUntil - now, 0));
    }

    public override long TimeUntilFull(long now) => above.IsIdle ? 0 : 1;

    public override void Lend(long now, long units)
    {
        if (!above.TrySetAside(now, units))
            throw new InvalidOperationException($"An aggregator lent {units} units and has {above.Held}: its loop was entered twice.");
    }

    public override void Spend(long now, long units) => above.Release(now, above.Generation, units, units);

    public override void TakeBack(long now, long units) => above.Release(now, above.Generation, units, 0);

    public override void Charge(long now, long units) => above.Charge(now, units);
}

namespace Tenfold.RateLimiting.Leases;

/// <summary>Slots that are held at a time: a slot is lent or free, and never used up.</summary>
/// <remarks>
/// A slot whose lease ended without a word comes back then. Where a cut-off node's work may outlive its lease, more than the limit may be at
/// work: so strict clusters refuse concurrency, and a silo alone, whose nodes cannot be cut off, does not.
/// </remarks>
internal sealed class ConcurrencyLedger(LimitTerms limit) : QuotaLedger
{
    public override double Rate => limit.Rate;

    public override long Ceiling => limit.Permits;

    public override long Free(long now) => limit.Permits - Lent;

    // Only a release can tell; so asking again is never of no use.
    public override long TimeUntilFree(long now, long units) => units > limit.Permits ? long.MaxValue : 0;

    public override long TimeUntilFull(long now) => 0;

    public override void Lend(long now, long units) => Lent += units;

    public override void Spend(long now, long units) => Lent -= units;

    public override void TakeBack(long now, long units) => Lent -= units;

    public override void Charge(long now, long units, long deepest = long.MaxValue)
    {
        // Nothing is used up.
    }
}

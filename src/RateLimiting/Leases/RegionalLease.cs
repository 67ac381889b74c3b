namespace Tenfold.RateLimiting.Leases;

/// <summary>One key at a regional aggregator: the lease that it holds from the root, and what it lends of it to its nodes.</summary>
/// <remarks>
/// A new life of an aggregator needs no learning period: what the earlier one leased stays charged at the root until it has expired.
/// </remarks>
internal sealed class RegionalLease
{
    private readonly AggregatorLedger _ledger;

    /// <summary>Begins a life.</summary>
    /// <param name="terms">The nodes' terms; the lease above lasts longer.</param>
    /// <param name="limit">The limit.</param>
    /// <param name="life">Greater than that of every earlier life; names the epoch below and the incarnation above.</param>
    /// <param name="now">The time.</param>
    public RegionalLease(LeaseTerms terms, LimitTerms limit, long life, long now)
    {
        Above = new LeaseHolder(terms.Above, life, 1, now);
        _ledger = new AggregatorLedger(terms, Above, limit.Burst);
        Below = new LeaseOwner(terms, _ledger, life);
    }

    /// <summary>The lease from the root.</summary>
    public LeaseHolder Above { get; }

    /// <summary>The leases of the nodes.</summary>
    public LeaseOwner Below { get; }

    /// <summary>
    /// Whether a node's report should wait for the root's next answer: a request waits for it, too few units are here, and the root may have more.
    /// </summary>
    public bool ShouldAskFirst(long now, in LeaseReport report) =>
        report.Least > 0 && Below.Ledger.Free(now) < report.Least && (Above.IsAsking || !Above.IsKnown || Above.TakeTurn(now) == 0);

    /// <summary>Writes the report to the root.</summary>
    /// <param name="now">The time.</param>
    /// <param name="waiting">Units wanted by reports that wait for the answer.</param>
    /// <param name="least">The smallest cost among them; 0 when none waits.</param>
    public LeaseReport Report(long now, long waiting, long least)
    {
        Below.Expire(now);
        var (unmet, unmetLeast) = Below.Unmet(now);
        return Above.Report(now, waiting + unmet, least == 0 ? unmetLeast : least, Below.Demand);
    }

    /// <summary>The limit changed: what is free here goes back with the next report, which asks anew.</summary>
    public void Follow(in LimitTerms limit)
    {
        _ledger.Follow(limit);
        Above.Distrust();
    }

    /// <summary>Whether nothing is held, lent or asked.</summary>
    public bool IsIdle(long now)
    {
        Below.Expire(now);
        return Below.Holders == 0 && Above.IsIdle;
    }
}

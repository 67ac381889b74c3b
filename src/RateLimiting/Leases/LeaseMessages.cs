namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// What a holder says of one key. It carries state, not changes: a lost, doubled or late report does no harm, because the owner
/// takes only the newest (<paramref name="Sequence"/>) of the newest <paramref name="Incarnation"/>, and the holder only the answer to its newest.
/// </summary>
/// <param name="Incarnation">Rises with each life of the holder; units of an earlier life stay charged until they expire.</param>
/// <param name="Sequence">Rises with each report of one life.</param>
/// <param name="Epoch">The owner's epoch that granted the held units; 0 for none.</param>
/// <param name="SpentTotal">Leased units spent in this life.</param>
/// <param name="OverSpent">Units spent without a lease while cut off and not yet acknowledged: the owner books them as debt.</param>
/// <param name="Debt">Units that settled work cost beyond what it held, not yet acknowledged.</param>
/// <param name="Held">Units still in hand. Less than the owner has on record means: the rest came back.</param>
/// <param name="Want">Units that would be of use beyond <paramref name="Held"/>.</param>
/// <param name="Least">The smallest grant that helps: the cost of a waiting request.</param>
/// <param name="Demand">Units asked for a second, admitted or not.</param>
/// <param name="Weight">The holder's weight in fair sharing, over 0.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.lease-report")]
internal readonly record struct LeaseReport(
    long Incarnation, long Sequence, long Epoch, long SpentTotal, long OverSpent, long Debt, long Held, long Want, long Least, double Demand, double Weight);

/// <summary>The owner's answer for one key.</summary>
/// <param name="Sequence">The report that it answers.</param>
/// <param name="Epoch">The owner's epoch; an answer of an earlier epoch than one already seen is void.</param>
/// <param name="Confirmed">Reported held units that the lease still covers; the others are void.</param>
/// <param name="Units">Units granted on top.</param>
/// <param name="Duration">How long all of them last from when the report was sent, less the clock margin; 0 renews nothing.</param>
/// <param name="Share">The holder's fair share, units a second.</param>
/// <param name="DryFor">When the grant fell short of the least that helps: how long until asking again can help; else 0.</param>
/// <param name="Free">Units that the owner still has for anyone after this grant.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.lease-grant")]
internal readonly record struct LeaseGrant(
    long Sequence, long Epoch, long Confirmed, long Units, long Duration, double Share, long DryFor, long Free);

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>At most <c>Permits</c> held at a time. Nothing but the held units counts, so the state is fresh once all are returned.</summary>
internal readonly struct ConcurrencyLimit : ILimitAlgorithm
{
    public static Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        var room = limit.Permits - state.Held;
        return Math.Max(cost, 1) <= room
            ? new Decision(true, room, 0, 0)
            : new Decision(false, Math.Max(0, room), Decision.Never, 0);
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, long now, long cost)
    {
        // The work is over once it is charged: it no longer takes a place.
    }

    public static long Used(in LimitTerms limit, in LimitState state, long now) => 0;
}

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// At most <c>Permits</c> in each window; windows are aligned to the Unix epoch. <c>FreshAt</c> is the window's end, <c>Payload</c> the units
/// used in it. Admits up to twice the limit across an edge: that is the algorithm, see the sliding ones.
/// </summary>
internal readonly struct FixedWindow : ILimitAlgorithm
{
    public static Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        var ahead = state.FreshAt - now;
        var used = ahead > 0 ? (long)state.Payload : 0;
        var room = limit.Permits - used - state.Held;
        if (Math.Max(cost, 1) <= room)
        {
            if (charge && cost > 0)
            {
                Add(limit, ref state, now, used, cost);
                room -= cost;
            }

            return new Decision(true, room, 0, Math.Max(0, state.FreshAt - now));
        }

        var retry = Math.Max(cost, 1) <= limit.Permits - state.Held ? ahead : Decision.Never;
        return new Decision(false, Math.Max(0, room), retry, Math.Max(0, ahead));
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, long now, long cost)
    {
        if (cost > 0)
            Add(limit, ref state, now, Used(limit, state, now), cost);
    }

    public static long Used(in LimitTerms limit, in LimitState state, long now) => state.FreshAt > now ? (long)state.Payload : 0;

    private static void Add(in LimitTerms limit, ref LimitState state, long now, long used, long cost)
    {
        // A clock that steps back stays in the later window: the earlier one was closed.
        if (state.FreshAt <= now)
            state.FreshAt = ((now / limit.Period) + 1) * limit.Period;
        state.Payload = Math.Min((ulong)used + (ulong)cost, long.MaxValue >> 1);
    }
}

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// A token bucket as the generic cell rate algorithm (ITU-T I.371, virtual scheduling): the state is the theoretical arrival
/// time (TAT), the instant at which the bucket is full again.
/// </summary>
/// <remarks>
/// Exact for every rate, also where a unit's interval is no whole number of nanoseconds. The TAT is the rational
/// <c>FreshAt - Payload / Permits</c> with <c>0 &lt;= Payload &lt; Permits</c>, so <c>FreshAt</c> is the TAT rounded up. All sums are kept
/// in units of 1/Permits ns: a unit of cost is then exactly <c>Period</c>, and the bucket holds <c>Burst * Period</c>.
/// </remarks>
internal readonly struct TokenBucket : ILimitAlgorithm
{
    public static Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        var ahead = state.FreshAt - now;
        if (limit.Capacity == 0 || ahead > limit.FastSpan || state.Held > limit.FastCost || cost > limit.FastCost)
            return DecideWide(limit, ref state, now, cost, charge);

        var period = limit.Period;
        var owed = ahead > 0 ? (ahead * limit.Permits) - (long)state.Payload : 0;
        var room = limit.Capacity - owed - (state.Held * period);
        var lacking = (Math.Max(cost, 1) * period) - room;
        if (lacking <= 0)
        {
            if (charge && cost > 0)
            {
                owed += cost * period;
                room -= cost * period;
                ahead = (long)LimitTerms.Divide((ulong)owed, (ulong)limit.Permits, limit.PermitsReciprocal, out var over);
                if (over != 0)
                {
                    ahead++;
                    over = (ulong)limit.Permits - over;
                }

                state.FreshAt = now + ahead;
                state.Payload = over;
            }

            return new Decision(true, Units(limit, room), 0, Math.Max(0, ahead));
        }

        var retry = lacking <= owed ? CeilDivide(lacking, limit) : Decision.Never;
        return new Decision(false, room > 0 ? Units(limit, room) : 0, retry, Math.Max(0, ahead));
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, long now, long cost)
    {
        if (cost > 0)
            Owe(limit, ref state, now, Owed(limit, state, now) + ((Int128)cost * limit.Period));
    }

    public static long Used(in LimitTerms limit, in LimitState state, long now)
    {
        var used = CeilDivide(Owed(limit, state, now), limit.Period);
        return used > long.MaxValue ? long.MaxValue : (long)used;
    }

    /// <summary>What is owed to the bucket at <paramref name="now"/>, in 1/Permits ns.</summary>
    internal static Int128 Owed(in LimitTerms limit, in LimitState state, long now) =>
        state.FreshAt > now ? (((Int128)state.FreshAt - now) * limit.Permits) - state.Payload : 0;

    /// <summary>Sets what is owed; a debt beyond <see cref="LimitTerms.MaxSpan"/> counts as that.</summary>
    internal static void Owe(in LimitTerms limit, ref LimitState state, long now, Int128 owed)
    {
        var span = CeilDivide(owed, limit.Permits);
        var longest = Math.Min(LimitTerms.MaxSpan, long.MaxValue - Math.Max(0, now));
        if (span > longest)
        {
            state.FreshAt = now + longest;
            state.Payload = 0;
            return;
        }

        state.FreshAt = now + (long)span;
        state.Payload = (ulong)((span * limit.Permits) - owed);
    }

    private static Decision DecideWide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge)
    {
        Int128 period = limit.Period;
        var owed = Owed(limit, state, now);
        var room = (limit.Burst * period) - owed - (state.Held * period);
        var lacking = (Math.Max(cost, 1) * period) - room;
        if (lacking <= 0)
        {
            if (charge && cost > 0)
            {
                Owe(limit, ref state, now, owed + (cost * period));
                room -= cost * period;
            }

            return new Decision(true, (long)(room / period), 0, ResetAfter(state, now));
        }

        var retry = lacking <= owed ? CeilDivide(lacking, limit.Permits) : Decision.Never;
        return new Decision(
            false, room > 0 ? (long)(room / period) : 0, retry >= Decision.Never ? Decision.Never : (long)retry, ResetAfter(state, now));
    }

    private static long ResetAfter(in LimitState state, long now) => state.FreshAt > now ? state.FreshAt - now : 0;

    private static long Units(in LimitTerms limit, long room) =>
        (long)LimitTerms.Divide((ulong)room, (ulong)limit.Period, limit.PeriodReciprocal, out _);

    private static long CeilDivide(long value, in LimitTerms limit)
    {
        var quotient = (long)LimitTerms.Divide((ulong)value, (ulong)limit.Permits, limit.PermitsReciprocal, out var over);
        return over == 0 ? quotient : quotient + 1;
    }

    private static Int128 CeilDivide(Int128 value, long by) => (value + by - 1) / by;
}

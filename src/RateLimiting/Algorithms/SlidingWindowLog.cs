namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// At most <c>Permits</c> in any window whatsoever, exactly: every admission's instant is remembered for one period.
/// </summary>
/// <remarks>
/// <c>FreshAt</c> is the newest admission's instant plus the period. A single admission needs no log: <c>Payload</c> is then its units.
/// With more, <c>Payload</c> has its top bit set and names a log in the slab. Where the slab is full, the newest admissions share
/// an instant, the later one: then the limit errs to rejecting, and never forgets. Several admissions at one instant are one entry.
/// </remarks>
internal readonly struct SlidingWindowLog
{
    private const ulong InSlab = 1UL << 63;
    private const long MaxUnits = uint.MaxValue;

    public static Decision Decide(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now, long cost, bool charge)
    {
        var used = Used(limit, ref state, slab, now);
        var need = Math.Max(cost, 1);
        var room = limit.Permits - used - state.Held;
        if (need <= room)
        {
            if (charge && cost > 0)
            {
                Add(limit, ref state, slab, now, cost);
                room -= cost;
            }

            return new Decision(true, room, 0, Math.Max(0, state.FreshAt - now));
        }

        var toLeave = need - room;
        var retry = toLeave > used ? Decision.Never
            : (state.Payload & InSlab) == 0 ? state.FreshAt - now
            : slab!.InstantOf(Log(state), toLeave) + limit.Period - now;
        return new Decision(false, Math.Max(0, room), retry, Math.Max(0, state.FreshAt - now));
    }

    public static void Charge(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now, long cost)
    {
        if (cost <= 0)
            return;
        Used(limit, ref state, slab, now);
        Add(limit, ref state, slab, now, Math.Min(cost, MaxUnits));
    }

    /// <summary>Units in the window that ends now; forgets older ones.</summary>
    public static long Used(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now)
    {
        if (state.FreshAt <= now)
        {
            Release(ref state, slab);
            return 0;
        }

        if ((state.Payload & InSlab) == 0)
            return (long)state.Payload;
        slab!.DropUntil(Log(state), now - limit.Period);
        return slab.Total(Log(state));
    }

    /// <summary>Forgets the log; the slab takes its memory back.</summary>
    public static void Release(ref LimitState state, LogSlab? slab)
    {
        if ((state.Payload & InSlab) != 0)
            slab!.Release(Log(state));
        state.Payload = 0;
    }

    /// <summary>Whether the state names a log in the slab, and which.</summary>
    public static bool IsInSlab(in LimitState state, out int log)
    {
        log = Log(state);
        return (state.Payload & InSlab) != 0;
    }

    /// <summary>The payload of a state with these entries, oldest first.</summary>
    public static ulong Restore(List<(long At, long Units)> entries, LogSlab slab)
    {
        if (entries.Count == 0)
            return 0;
        if (!slab.TryCreate(entries[0].At, entries[0].Units, out var log))
            return (ulong)entries.Sum(entry => entry.Units);
        foreach (var (at, units) in entries.Skip(1))
            slab.Append(log, at, units);
        return InSlab | (uint)log;
    }

    private static void Add(in LimitTerms limit, ref LimitState state, LogSlab? slab, long now, long cost)
    {
        // A clock that steps back does not reorder the log.
        var newest = state.FreshAt - limit.Period;
        var at = state.Payload == 0 ? now : Math.Max(now, newest);
        state.FreshAt = at + limit.Period;
        if ((state.Payload & InSlab) != 0)
        {
            slab!.Append(Log(state), at, cost);
        }
        else if (state.Payload != 0 && at > newest && slab is not null && slab.TryCreate(newest, (long)state.Payload, out var log))
        {
            slab.Append(log, at, cost);
            state.Payload = InSlab | (uint)log;
        }
        else
        {
            state.Payload = Math.Min(state.Payload + (ulong)cost, InSlab >> 1);
        }
    }

    private static int Log(in LimitState state) => (int)(uint)state.Payload;
}

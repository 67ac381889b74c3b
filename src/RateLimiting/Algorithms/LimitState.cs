namespace Tenfold.RateLimiting.Algorithms;

/// <summary>
/// What a limit remembers of one key, the same shape for every algorithm: so a store can keep, evict and write down states
/// without knowing how they count. <c>default</c> is a fresh state: nothing used, nothing held.
/// </summary>
/// <remarks>All instants are nanoseconds since the Unix epoch, from a clock that never runs backwards inside one process.</remarks>
internal struct LimitState
{
    /// <summary>The most units that can be held of one key at a time; a hold that would pass it has no room.</summary>
    public const long MaxHeld = (1L << 39) - 1;

    /// <summary>The instant from which this state counts as a fresh one, when nothing is held.</summary>
    public long FreshAt;

    /// <summary>What else the algorithm needs; its meaning is the algorithm's own, but the top bit is set only by a sliding log in a slab.</summary>
    public ulong Payload;

    /// <summary>Units held by reservations: they take room, and are charged when the reservation is settled.</summary>
    public long Held;

    /// <summary>Whether forgetting this state would change no decision.</summary>
    public readonly bool IsFresh(long now) => FreshAt <= now && Held == 0;
}

/// <summary>What an algorithm answers; durations in nanoseconds.</summary>
/// <param name="HasRoom">Whether the cost fits.</param>
/// <param name="Remaining">Units left after the decision, never under zero.</param>
/// <param name="RetryAfter">Zero with room; else the exact wait after which the same cost fits, or <see cref="Never"/>.</param>
/// <param name="ResetAfter">The wait until the state is as if unused.</param>
internal readonly record struct Decision(bool HasRoom, long Remaining, long RetryAfter, long ResetAfter)
{
    /// <summary>Waiting alone never helps.</summary>
    public const long Never = long.MaxValue;
}

/// <summary>A way of counting, as pure arithmetic over (state, now, cost): no clock, no lock, no allocation, no exception.</summary>
internal interface ILimitAlgorithm
{
    /// <summary>Decides, and takes the cost from the state when there is room and <paramref name="charge"/> is set.</summary>
    /// <param name="limit">The limit's numbers.</param>
    /// <param name="state">The key's state; changed only when charged.</param>
    /// <param name="now">The instant of the decision. One before an earlier decision's grants nothing.</param>
    /// <param name="cost">At least 0; 0 asks whether one unit would fit.</param>
    /// <param name="charge">Whether to take the cost.</param>
    static abstract Decision Decide(in LimitTerms limit, ref LimitState state, long now, long cost, bool charge);

    /// <summary>Takes the cost whether or not there is room: work already done. The state may go into debt.</summary>
    static abstract void Charge(in LimitTerms limit, ref LimitState state, long now, long cost);

    /// <summary>Units in use at <paramref name="now"/>, rounded up (a sliding counter's estimate to the nearest), without those held.</summary>
    static abstract long Used(in LimitTerms limit, in LimitState state, long now);
}

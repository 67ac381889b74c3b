namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Where limits' state lives and is decided on. The one interface behind every edge; each engine (embedded, Redis,
/// hierarchical) passes the same contract tests.
/// </summary>
/// <remarks>
/// Thread-safe. Several checks in one call are decided together: all are charged or none is. Expected outcomes are values;
/// only misuse throws (<see cref="ArgumentException"/>: a cost under zero, more than <see cref="MaxChecks"/> checks, outcomes
/// shorter than checks). An engine that cannot be reached answers <see cref="StoreVerdict.Unavailable"/> at once, without waiting for a timeout twice.
/// The embedded engine always completes synchronously and allocates nothing.
/// </remarks>
public interface ILimitStore : IAsyncDisposable
{
    /// <summary>The most checks in one decision.</summary>
    const int MaxChecks = 32;

    /// <summary>The longest key in UTF-8 bytes that is kept as it is; longer ones are kept as their hash.</summary>
    const int MaxPlainKeyBytes = 256;

    /// <summary>Charges every check's cost, or none when one of them has no room.</summary>
    /// <param name="checks">1 to <see cref="MaxChecks"/>; concurrency limits are refused here, see <see cref="ReserveAsync"/>.</param>
    /// <param name="outcomes">Receives one outcome a check, in order.</param>
    /// <param name="cancellationToken">Stops waiting; a charge already sent may still count.</param>
    ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default);

    /// <summary>Says what <see cref="AcquireAsync"/> would, and charges nothing.</summary>
    ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default);

    /// <summary>
    /// As <see cref="AcquireAsync"/>, but checks with <see cref="LimitCheck.Hold"/> are held rather than charged, until
    /// <see cref="SettleAsync"/> or until <paramref name="expiresAfter"/>, when the hold returns by itself, exactly once.
    /// </summary>
    /// <param name="reservationId">
    /// The caller's idempotency key, 1 to 128 characters: a repeat answers what the first call did and takes nothing more.
    /// </param>
    /// <param name="checks">1 to <see cref="MaxChecks"/>.</param>
    /// <param name="outcomes">Receives one outcome a check, in order.</param>
    /// <param name="expiresAfter">More than zero, at most a day.</param>
    /// <param name="cancellationToken">Stops waiting; a hold already sent may still count, and then expires.</param>
    ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends a reservation: returns what it held and charges <paramref name="actualCost"/> times the check's
    /// <see cref="LimitCheck.Weight"/> to each held limit other than concurrency (0 = refund all). The actual cost may exceed the held one, and may put the limit into debt: the work was done.
    /// </summary>
    ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default);
}

/// <summary>One limit applied to one key.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Key">Whose use is counted. Any text; unpaired surrogates count as U+FFFD.</param>
/// <param name="Cost">Units, at least 0; 0 asks only whether one unit would pass.</param>
/// <param name="Hold">In <see cref="ILimitStore.ReserveAsync"/>: hold until settled. Always so for concurrency.</param>
/// <param name="Weight">
/// Units charged for each unit of a settlement's actual cost, at least 0: a rule that prices a request five times over holds five times
/// the cost and must settle five times the actual one. Kept with the reservation, since another node may settle it.
/// </param>
public readonly record struct LimitCheck(Limit Limit, string Key, long Cost = 1, bool Hold = false, long Weight = 1);

/// <summary>What one check came to.</summary>
/// <param name="HasRoom">Whether this limit, on its own, has room for the cost.</param>
/// <param name="Remaining">Units left after the decision, never under zero.</param>
/// <param name="RetryAfter">
/// When it has no room: how long until the same cost would pass if nothing else came; <see cref="Timeout.InfiniteTimeSpan"/> when it
/// never can (cost above burst) or when only a release can tell (concurrency). Zero when it has room.
/// </param>
/// <param name="ResetAfter">How long until the limit is as if unused, if nothing else came.</param>
public readonly record struct LimitOutcome(bool HasRoom, long Remaining, TimeSpan RetryAfter, TimeSpan ResetAfter);

/// <summary>The verdict over all checks of a call.</summary>
public enum StoreVerdict
{
    /// <summary>Every check had room and was charged (or held).</summary>
    Admitted,

    /// <summary>A check had no room; nothing was charged.</summary>
    Rejected,

    /// <summary>The engine could not be asked. The caller's rule says what that means; outcomes are not filled.</summary>
    Unavailable,
}

/// <summary>How a settlement ended.</summary>
public enum SettleOutcome
{
    /// <summary>The hold was returned and the actual cost charged.</summary>
    Settled,

    /// <summary>It was settled before; nothing changed.</summary>
    AlreadySettled,

    /// <summary>The hold had expired; the actual cost was charged all the same, since the work was done.</summary>
    SettledLate,

    /// <summary>No such reservation: never made, rejected, or forgotten after twice its expiry. Nothing changed.</summary>
    Unknown,

    /// <summary>The engine could not be asked; repeat with the same id.</summary>
    Unavailable,
}

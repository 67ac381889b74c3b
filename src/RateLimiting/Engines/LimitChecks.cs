using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The argument rules that every engine keeps, and the shape of its answers.</summary>
internal static class LimitChecks
{
    /// <summary>The longest reservation id, in characters.</summary>
    public const int MaxReservationIdLength = 128;

    /// <summary>The longest time until a reservation expires.</summary>
    public static readonly TimeSpan MaxExpiry = TimeSpan.FromDays(1);

    /// <summary>Checks a call's arguments.</summary>
    /// <param name="checks">The checks.</param>
    /// <param name="outcomes">The number of outcomes that can be given.</param>
    /// <param name="concurrency">Whether concurrency limits may be among them.</param>
    /// <exception cref="ArgumentException">One is out of bounds.</exception>
    public static void Validate(ReadOnlySpan<LimitCheck> checks, int outcomes, bool concurrency)
    {
        if (checks.Length is 0 or > ILimitStore.MaxChecks)
            throw new ArgumentException($"{checks.Length} checks: one decision takes 1 to {ILimitStore.MaxChecks}; split the call.", nameof(checks));
        if (outcomes < checks.Length)
            throw new ArgumentException($"{outcomes} outcomes for {checks.Length} checks: give room for one outcome a check.", nameof(outcomes));
        foreach (ref readonly var check in checks)
        {
            Validate(check.Limit, check.Key, check.Cost, concurrency);
            if (check.Weight < 0)
                throw new ArgumentException($"weight = {check.Weight}: must be at least 0.", nameof(checks));
        }
    }

    /// <summary>Checks one check's arguments.</summary>
    /// <exception cref="ArgumentException">One is out of bounds.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Validate(Limit? limit, string? key, long cost, bool concurrency = false)
    {
        if (limit is null || key is null || cost < 0 || (!concurrency && limit.Algorithm == LimitAlgorithm.Concurrency))
            Throw(limit, key is null, cost);
    }

    /// <summary>Checks the arguments of a reservation.</summary>
    /// <exception cref="ArgumentException">One is out of bounds.</exception>
    public static void ValidateReservation(string reservationId, TimeSpan expiresAfter)
    {
        ValidateId(reservationId);
        if (expiresAfter <= TimeSpan.Zero || expiresAfter > MaxExpiry)
            throw new ArgumentException($"expiresAfter = {expiresAfter}: must be more than zero and at most {MaxExpiry.TotalDays} day.", nameof(expiresAfter));
    }

    /// <summary>Checks the arguments of a settlement.</summary>
    /// <exception cref="ArgumentException">One is out of bounds.</exception>
    public static void ValidateSettlement(string reservationId, long actualCost)
    {
        ValidateId(reservationId);
        if (actualCost < 0)
            throw new ArgumentException($"actualCost = {actualCost}: must be at least 0 (0 refunds all).", nameof(actualCost));
    }

    /// <summary>A settlement's units for a limit; what passes 63 bits counts as the greatest number.</summary>
    public static long Multiply(long actualCost, long weight) =>
        Math.BigMul(actualCost, weight, out var low) == 0 && low >= 0 ? low : long.MaxValue;

    /// <summary>An algorithm's answer as engines give it: waits in whole ticks, rounded up, so that waiting so long is always enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LimitOutcome Outcome(in Decision decision) => new(
        decision.HasRoom,
        decision.Remaining,
        decision.RetryAfter == Decision.Never ? Timeout.InfiniteTimeSpan : new TimeSpan(Ticks(decision.RetryAfter)),
        new TimeSpan(Ticks(decision.ResetAfter)));

    private static long Ticks(long nanoseconds) => (long)(((ulong)nanoseconds + 99) / 100);

    private static void ValidateId(string reservationId)
    {
        if (string.IsNullOrEmpty(reservationId) || reservationId.Length > MaxReservationIdLength)
        {
            throw new ArgumentException(
                $"a reservation's id must have 1 to {MaxReservationIdLength} characters, not {reservationId?.Length ?? 0}.", nameof(reservationId));
        }
    }

    [DoesNotReturn]
    private static void Throw(Limit? limit, bool keyIsNull, long cost)
    {
        if (limit is null)
            throw new ArgumentException("a check has no limit.", nameof(limit));
        if (keyIsNull)
            throw new ArgumentException($"a check of '{limit.Id}' has no key: use an empty one for a limit that all share.", nameof(limit));
        if (cost < 0)
            throw new ArgumentException($"cost = {cost}: must be at least 0; settle a reservation to give units back.", nameof(cost));
        throw new ArgumentException($"'{limit.Id}' limits concurrency: reserve and settle it, so that its units come back.", nameof(limit));
    }
}

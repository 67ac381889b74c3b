using System.Globalization;
using System.Security.Cryptography;
using System.Threading.RateLimiting;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Asks Tenfold's limiter for .NET's: takes, looks, gives back what leases held, and counts.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class DotnetAttempts
{
    private readonly IRateLimiter _limiter;
    private readonly DotnetRateLimiterOptions _options;
    private readonly string _reservations = "dotnet-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)) + "-";
    private TaskCompletionSource _released = NewSignal();
    private long _reservation;
    private long _holding;
    private long _succeeded;
    private long _failed;
    private long _lastRemaining;
    private long _lastUse;

    public DotnetAttempts(IRateLimiter limiter, DotnetRateLimiterOptions options)
    {
        _limiter = limiter;
        _options = options;
        _lastUse = options.Time.GetTimestamp();
    }

    /// <summary>Whether decisions complete synchronously: the engine is in this process.</summary>
    public bool AnswerAtOnce => _limiter is RuleRateLimiter { AnswersAtOnce: true };

    /// <summary>Ends when a lease next gives back what it held. Read it before the attempt whose failure is waited out.</summary>
    public Task Released => Volatile.Read(ref _released).Task;

    /// <summary>Whether leases hold permits that come back.</summary>
    public bool Holding => Volatile.Read(ref _holding) > 0;

    /// <summary>Time since anyone asked.</summary>
    public TimeSpan Idle => _options.Time.GetElapsedTime(Volatile.Read(ref _lastUse));

    /// <summary>Takes the permits if there is room.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="permits">How many.</param>
    /// <param name="again">Whether the same request was refused before: the figures have its rejection already.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public async ValueTask<DotnetLease> TakeAsync(DotnetQuestion question, int permits, bool again, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _lastUse, _options.Time.GetTimestamp());
        var cost = checked(question.Request.Cost * permits);
        if (_limiter is not RuleRateLimiter rules)
            return Remember(await _limiter.AcquireAsync(question.Request with { Cost = cost }, cancellationToken), null);
        var reservation = cost > 0 && question.MayHold(rules) ? NextReservation() : null;
        try
        {
            var decision = await rules.DecideAsync(
                question.Attributes, cost, question.Terms(reservation, _options.HoldExpiresAfter, again), cancellationToken);
            var holds = reservation is not null && decision.Admitted
                && decision.Limits.Any(l => l.Limit.Algorithm == LimitAlgorithm.Concurrency);
            if (!holds)
                return Remember(decision, null);
            Interlocked.Increment(ref _holding);
            return Remember(decision, new DotnetHold(reservation!, cost));
        }
        catch (OperationCanceledException) when (reservation is not null)
        {
            // It may have reached the engine all the same.
            _ = SettleAsync(reservation, 0);
            throw;
        }
    }

    /// <summary>Looks only: the lease is not acquired, and says when the permits would pass.</summary>
    public async ValueTask<DotnetLease> LookAsync(DotnetQuestion question, int permits, CancellationToken cancellationToken)
    {
        var cost = checked(question.Request.Cost * permits);
        var decision = _limiter is RuleRateLimiter rules
            ? await rules.DecideAsync(question.Attributes, cost, question.Look, cancellationToken)
            : (await _limiter.ExplainAsync(question.Request with { Cost = cost }, cancellationToken)).Decision;
        return DotnetLease.Looked(decision);
    }

    /// <summary>Counts what a caller gets.</summary>
    public DotnetLease Count(DotnetLease lease)
    {
        Interlocked.Increment(ref lease.IsAcquired ? ref _succeeded : ref _failed);
        return lease;
    }

    /// <summary>Figures so far. The permits left are those of now where the engine answers at once, else those of the last decision.</summary>
    public RateLimiterStatistics Statistics(DotnetQuestion question, long queued)
    {
        if (AnswerAtOnce)
            Volatile.Write(ref _lastRemaining, LookAsync(question, 0, CancellationToken.None).AsTask().GetAwaiter().GetResult().Remaining);
        return new RateLimiterStatistics
        {
            CurrentAvailablePermits = Volatile.Read(ref _lastRemaining),
            CurrentQueuedCount = queued,
            TotalSuccessfulLeases = Volatile.Read(ref _succeeded),
            TotalFailedLeases = Volatile.Read(ref _failed),
        };
    }

    /// <summary>Gives back what a lease held. It comes back by itself should the engine be away.</summary>
    public void Release(DotnetHold hold)
    {
        Interlocked.Decrement(ref _holding);
        _ = SettleAsync(hold.Reservation, hold.Cost);
    }

    private DotnetLease Remember(RateLimitDecision decision, DotnetHold? hold)
    {
        var lease = new DotnetLease(decision, this, hold);
        Volatile.Write(ref _lastRemaining, lease.Remaining);
        return lease;
    }

    private async Task SettleAsync(string reservation, long cost)
    {
        try
        {
            await _limiter.SettleAsync(reservation, cost, CancellationToken.None);
        }
        catch (TenfoldException)
        {
            // Dispose must not throw, and the hold expires by itself.
        }
        finally
        {
            Interlocked.Exchange(ref _released, NewSignal()).TrySetResult();
        }
    }

    private string NextReservation() => _reservations + Interlocked.Increment(ref _reservation).ToString("x", CultureInfo.InvariantCulture);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>What a lease holds.</summary>
internal sealed record DotnetHold(string Reservation, long Cost);

/// <summary>What a .NET limiter asks: a request of the rules, or one limit apart from them.</summary>
internal readonly record struct DotnetQuestion(RateLimitRequest Request, InlineLimit? Only = null)
{
    private static readonly Dictionary<string, string> NoAttributes = [];

    public DictionaryAttributes Attributes => new(Request.Attributes);

    public DecisionTerms Look => new() { Peek = true, Inline = Only, InlineOnly = Only is not null };

    /// <summary>One limit of one key.</summary>
    public static DotnetQuestion Of(Limit limit, string key) => new(new RateLimitRequest(NoAttributes), new InlineLimit(limit, key));

    public bool MayHold(RuleRateLimiter rules) => Only is { } only ? only.Limit.Algorithm == LimitAlgorithm.Concurrency : rules.Rules.HoldsAny;

    public DecisionTerms Terms(string? reservation, TimeSpan expiresAfter, bool again) =>
        new() { Again = again, ReservationId = reservation, ExpiresAfter = expiresAfter, Inline = Only, InlineOnly = Only is not null };
}

using System.Security.Cryptography;
using System.Threading.RateLimiting;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Attempts and waits, for both kinds of .NET limiters.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class DotnetAttempts : IDisposable
{
    // Where only another's end makes room, and that other may be in another process: look again this often.
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly IRateLimiter _limiter;
    private readonly DotnetRateLimiterOptions _options;
    private readonly CancellationTokenSource _disposed = new();
    private readonly string _reservations = "dotnet-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)) + "-";
    private TaskCompletionSource _released = NewSignal();
    private long _reservation;
    private long _queued;
    private long _holding;
    private long _succeeded;
    private long _failed;
    private long _lastRemaining;
    private long _lastUse;

    public DotnetAttempts(IRateLimiter limiter, DotnetRateLimiterOptions options)
    {
        if (options.QueueLimit < 0)
            throw new ArgumentOutOfRangeException(nameof(options), options.QueueLimit, "The queue limit must not be negative; 0 lets nobody wait.");
        _limiter = limiter;
        _options = options;
        _lastUse = options.Time.GetTimestamp();
    }

    /// <summary>Time since anyone asked; null while permits are held or waited for.</summary>
    public TimeSpan? IdleDuration =>
        Volatile.Read(ref _holding) > 0 || Volatile.Read(ref _queued) > 0 ? null : _options.Time.GetElapsedTime(Volatile.Read(ref _lastUse));

    /// <summary>An attempt that does not wait. An engine that cannot answer at once is not asked: the answer is no, and nothing is charged.</summary>
    public RateLimitLease Attempt(RateLimitRequest request, int permits)
    {
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        if (_limiter is not RuleRateLimiter { AnswersAtOnce: true })
            return new DotnetLease(null, null, null);
        var attempt = AttemptAsync(request, permits, CancellationToken.None);
        return attempt.IsCompletedSuccessfully ? attempt.Result : attempt.AsTask().GetAwaiter().GetResult();
    }

    /// <summary>An attempt that waits its turn in a bounded queue while there is no room.</summary>
    /// <param name="request">The request.</param>
    /// <param name="permits">Permits asked for.</param>
    /// <param name="turn">Whose turn it is, where waiters stand in one line; else null.</param>
    /// <param name="cancellationToken">Leaves the queue.</param>
    public async ValueTask<RateLimitLease> WaitAsync(RateLimitRequest request, int permits, SemaphoreSlim? turn, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        cancellationToken.ThrowIfCancellationRequested();
        // Whoever comes while others stand in line does not overtake them.
        var first = turn is null || Volatile.Read(ref _queued) == 0 ? await AttemptAsync(request, permits, cancellationToken) : null;
        if (first is { IsAcquired: true } || permits == 0 || first?.Never == true || !TryQueue(permits))
            return first ?? new DotnetLease(null, null, null);
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
            return await QueueAsync(request, permits, turn, first, either.Token);
        }
        catch (OperationCanceledException) when (_disposed.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new DotnetLease(null, null, null);
        }
        finally
        {
            Interlocked.Add(ref _queued, -permits);
        }
    }

    /// <summary>Figures so far.</summary>
    public RateLimiterStatistics Statistics(RateLimitRequest request)
    {
        if (_limiter is RuleRateLimiter { AnswersAtOnce: true } rules)
        {
            var peek = rules.DecideAsync(new DictionaryAttributes(request.Attributes), 0, new DecisionTerms { Peek = true }, CancellationToken.None);
            if (peek.IsCompletedSuccessfully)
                Remember(peek.Result);
        }

        return new RateLimiterStatistics
        {
            CurrentAvailablePermits = Volatile.Read(ref _lastRemaining),
            CurrentQueuedCount = Volatile.Read(ref _queued),
            TotalSuccessfulLeases = Volatile.Read(ref _succeeded),
            TotalFailedLeases = Volatile.Read(ref _failed),
        };
    }

    /// <summary>Ends what a lease holds. The hold expires by itself should the engine be away.</summary>
    public void Release(string reservation, long cost)
    {
        Interlocked.Decrement(ref _holding);
        _ = SettleAsync(reservation, cost);
    }

    public void Dispose() => _disposed.Cancel();

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

    private async ValueTask<RateLimitLease> QueueAsync(
        RateLimitRequest request, int permits, SemaphoreSlim? turn, DotnetLease? last, CancellationToken cancellationToken)
    {
        if (turn is not null)
            await turn.WaitAsync(cancellationToken);
        try
        {
            while (true)
            {
                // Before the attempt, so that a release between it and the wait is not missed.
                var released = Volatile.Read(ref _released).Task;
                if (last is null || turn is not null)
                    last = await AttemptAsync(request, permits, cancellationToken);
                if (last.IsAcquired || last.Never)
                    return last;
                await PauseAsync(last.RetryAfter, released, cancellationToken);
                last = null;
            }
        }
        finally
        {
            turn?.Release();
        }
    }

    private async Task PauseAsync(TimeSpan? retryAfter, Task released, CancellationToken cancellationToken)
    {
        var wait = retryAfter ?? LookAgain;
        if (wait > LongestWait)
            wait = LongestWait;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pause = Task.Delay(wait, _options.Time, stop.Token);
        await await Task.WhenAny(pause, released);
        await stop.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private bool TryQueue(int permits)
    {
        if (Interlocked.Add(ref _queued, permits) <= _options.QueueLimit)
            return true;
        Interlocked.Add(ref _queued, -permits);
        return false;
    }

    private async ValueTask<DotnetLease> AttemptAsync(RateLimitRequest request, int permits, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _lastUse, _options.Time.GetTimestamp());
        var cost = checked(request.Cost * permits);
        string? reservation = null;
        RateLimitDecision decision;
        if (_limiter is RuleRateLimiter rules)
        {
            if (rules.Rules.HoldsAny && cost > 0)
                reservation = _reservations + Interlocked.Increment(ref _reservation).ToString("x", System.Globalization.CultureInfo.InvariantCulture);
            var terms = new DecisionTerms { ReservationId = reservation, ExpiresAfter = _options.HoldExpiresAfter };
            decision = await rules.DecideAsync(new DictionaryAttributes(request.Attributes), cost, terms, cancellationToken);
        }
        else
        {
            decision = await _limiter.AcquireAsync(request with { Cost = cost }, cancellationToken);
        }

        Remember(decision);
        Interlocked.Increment(ref decision.Admitted ? ref _succeeded : ref _failed);
        if (reservation is null || !decision.Admitted || !Holds(decision))
            return new DotnetLease(decision, null, null);
        Interlocked.Increment(ref _holding);
        return new DotnetLease(decision, this, new DotnetHold(reservation, cost));
    }

    private void Remember(RateLimitDecision decision)
    {
        var least = long.MaxValue;
        foreach (var limit in decision.Limits)
            least = limit.DryRun ? least : Math.Min(least, limit.Outcome.Remaining);
        Volatile.Write(ref _lastRemaining, least);
    }

    private static bool Holds(RateLimitDecision decision) => decision.Limits.Any(l => l.Limit.Algorithm == LimitAlgorithm.Concurrency);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>What a lease holds.</summary>
internal sealed record DotnetHold(string Reservation, long Cost);

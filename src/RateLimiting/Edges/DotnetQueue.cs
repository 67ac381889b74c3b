using System.Threading.RateLimiting;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// Callers of a .NET limiter who wait for room: at most so many permits, the oldest of a line first, each until the engine says that there is
/// room, until it leaves, or until the limiter is disposed of.
/// </summary>
/// <remarks>Thread-safe. A line exists only while somebody stands in it.</remarks>
internal sealed class DotnetQueue : IDisposable
{
    // Where only another's end makes room, and that other may be in another process: look again this often.
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // ASP.NET Core's middleware attempts first, and acquires where that failed: one request, refused once. It is known by its flow.
    private static readonly AsyncLocal<RefusedAttempt?> Refused = new();

    private readonly DotnetAttempts _attempts;
    private readonly DotnetRateLimiterOptions _options;
    private readonly bool _oneLine;
    private readonly CancellationTokenSource _disposed = new();
    private readonly Dictionary<(string Rule, string Key), Line> _lines = [];
    private long _queued;

    /// <param name="limiter">Who decides.</param>
    /// <param name="options">How long the queue may be, and by which clock it waits.</param>
    /// <param name="oneLine">Everybody asks alike and stands in one line; else each key that has no room has a line.</param>
    public DotnetQueue(IRateLimiter limiter, DotnetRateLimiterOptions options, bool oneLine)
    {
        if (options.QueueLimit < 0)
            throw new ArgumentOutOfRangeException(nameof(options), options.QueueLimit, "The queue limit must not be negative; 0 lets nobody wait.");
        _attempts = new DotnetAttempts(limiter, options);
        _options = options;
        _oneLine = oneLine;
    }

    /// <summary>Time since anyone asked; null while permits are held or waited for.</summary>
    public TimeSpan? IdleDuration => _attempts.Holding || Volatile.Read(ref _queued) > 0 ? null : _attempts.Idle;

    public RateLimiterStatistics Statistics(DotnetQuestion question) => _attempts.Statistics(question, Volatile.Read(ref _queued));

    /// <summary>An attempt that does not wait. An engine that cannot answer at once is not asked: the answer is no, and nothing is charged.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="permits">How many permits.</param>
    /// <param name="resource">For whom: who acquires for the same next is the same request.</param>
    public RateLimitLease Attempt(DotnetQuestion question, int permits, object? resource = null)
    {
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        if (!_attempts.AnswerAtOnce)
            return _attempts.Count(DotnetLease.Refused);
        var looks = WouldOvertake(permits);
        var attempt = looks
            ? _attempts.LookAsync(question, permits, CancellationToken.None)
            : _attempts.TakeAsync(question, permits, again: false, CancellationToken.None);
        var lease = attempt.IsCompletedSuccessfully ? attempt.Result : attempt.AsTask().GetAwaiter().GetResult();
        if (!lease.IsAcquired && !looks && permits > 0)
            Refused.Value = new RefusedAttempt(this, resource, permits);
        return _attempts.Count(lease);
    }

    /// <summary>An attempt that waits its turn while there is no room.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="permits">How many permits.</param>
    /// <param name="resource">As in <see cref="Attempt"/>.</param>
    /// <param name="cancellationToken">Leaves the line.</param>
    public ValueTask<RateLimitLease> AcquireAsync(
        DotnetQuestion question, int permits, object? resource = null, CancellationToken cancellationToken = default)
    {
        var refused = Refused.Value;
        if (refused is null)
            return AcquireAsync(question, permits, again: false, cancellationToken);
        Refused.Value = null;
        return AcquireAsync(question, permits, refused == new RefusedAttempt(this, resource, permits), cancellationToken);
    }

    private async ValueTask<RateLimitLease> AcquireAsync(DotnetQuestion question, int permits, bool again, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        cancellationToken.ThrowIfCancellationRequested();
        var released = _attempts.Released;
        var looked = WouldOvertake(permits);
        var first = looked
            ? await _attempts.LookAsync(question, permits, cancellationToken)
            : await _attempts.TakeAsync(question, permits, again, cancellationToken);
        if (first.IsAcquired || permits == 0 || first.Never || !TryQueue(permits))
            return _attempts.Count(first);
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
            return _attempts.Count(await StandInLineAsync(question, permits, first, looked ? null : released, again || !looked, either.Token));
        }
        catch (OperationCanceledException) when (_disposed.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return _attempts.Count(DotnetLease.Refused);
        }
        finally
        {
            Interlocked.Add(ref _queued, -permits);
        }
    }

    /// <summary>Turns waiters away. What leases hold stays theirs until they are disposed of.</summary>
    public void Dispose() => _disposed.Cancel();

    // Whoever comes while others stand in line does not overtake them; who asks for nothing only asks.
    private bool WouldOvertake(int permits) => _oneLine && permits > 0 && Volatile.Read(ref _queued) > 0;

    private bool TryQueue(int permits)
    {
        if (Interlocked.Add(ref _queued, permits) <= _options.QueueLimit)
            return true;
        Interlocked.Add(ref _queued, -permits);
        return false;
    }

    // released: of before the first attempt, so that what comes back between it and the wait is not missed; null: that was no attempt.
    private async Task<DotnetLease> StandInLineAsync(
        DotnetQuestion question, int permits, DotnetLease first, Task? released, bool again, CancellationToken cancellationToken)
    {
        var name = _oneLine ? default : first.FullLimit;
        var line = Join(name);
        try
        {
            var turn = line.Turn.WaitAsync(cancellationToken);
            var atOnce = turn.IsCompletedSuccessfully && released is not null;
            await turn;
            try
            {
                if (atOnce)
                    await PauseAsync(first.RetryAfter, released!, cancellationToken);
                return await TakeWhenThereIsRoomAsync(question, permits, again, cancellationToken);
            }
            finally
            {
                line.Turn.Release();
            }
        }
        finally
        {
            Leave(name, line);
        }
    }

    private async Task<DotnetLease> TakeWhenThereIsRoomAsync(DotnetQuestion question, int permits, bool again, CancellationToken cancellationToken)
    {
        for (; ; again = true)
        {
            var released = _attempts.Released;
            var lease = await _attempts.TakeAsync(question, permits, again, cancellationToken);
            if (lease.IsAcquired || lease.Never)
                return lease;
            await PauseAsync(lease.RetryAfter, released, cancellationToken);
        }
    }

    private async Task PauseAsync(TimeSpan? retryAfter, Task released, CancellationToken cancellationToken)
    {
        // Timers count whole milliseconds and drop the rest: a wait of less would be none, and the waiter would spin.
        var wait = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(1, (retryAfter ?? LookAgain).TotalMilliseconds)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pause = Task.Delay(wait < LongestWait ? wait : LongestWait, _options.Time, stop.Token);
        await Task.WhenAny(pause, released);
        await stop.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private Line Join((string Rule, string Key) name)
    {
        lock (_lines)
        {
            if (!_lines.TryGetValue(name, out var line))
                _lines.Add(name, line = new Line());
            line.Standing++;
            return line;
        }
    }

    private void Leave((string Rule, string Key) name, Line line)
    {
        lock (_lines)
        {
            if (--line.Standing > 0)
                return;
            _lines.Remove(name);
            line.Turn.Dispose();
        }
    }

    private sealed record RefusedAttempt(DotnetQueue Queue, object? Resource, int Permits);

    private sealed class Line
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public int Standing { get; set; }
    }
}

using System.Collections.Concurrent;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The reservations that this node made and has not forgotten: each ends once, by settlement or by expiry.</summary>
internal sealed class HierarchicalReservations(int most)
{
    private readonly ConcurrentDictionary<string, HierarchicalReservation> _open = new(StringComparer.Ordinal);
    private readonly PriorityQueue<HierarchicalReservation, long> _ends = new();
    private readonly Lock _gate = new();
    private long _nextEnd = long.MaxValue;

    /// <summary>Begins a reservation; false when there is an earlier one of the same id, or (with none) when there are too many.</summary>
    public bool TryBegin(HierarchicalReservation reservation, long now, out HierarchicalReservation? earlier)
    {
        ReturnExpired(now);
        reservation.ExpiresAt = now + reservation.Lifetime.Ticks;
        earlier = null;
        if (_open.Count >= most && !_open.TryGetValue(reservation.Id, out earlier))
            return false;
        var current = _open.GetOrAdd(reservation.Id, reservation);
        if (!ReferenceEquals(current, reservation))
        {
            earlier = current;
            return false;
        }

        Schedule(reservation, reservation.ExpiresAt);
        return true;
    }

    /// <summary>Forgets a reservation that was not admitted: it may be tried again.</summary>
    public void Forget(HierarchicalReservation reservation) =>
        _open.TryRemove(new KeyValuePair<string, HierarchicalReservation>(reservation.Id, reservation));

    /// <summary>Ends a reservation with its actual cost.</summary>
    public SettleOutcome Settle(string id, long actualCost, long now)
    {
        ReturnExpired(now);
        return _open.TryGetValue(id, out var reservation) ? reservation.Settle(now, actualCost) : SettleOutcome.Unknown;
    }

    /// <summary>Returns what expired reservations held, and forgets those expired for as long again.</summary>
    public void ReturnExpired(long now)
    {
        if (now < Volatile.Read(ref _nextEnd))
            return;
        lock (_gate)
        {
            while (_ends.TryPeek(out var reservation, out var end) && end <= now)
            {
                _ends.Dequeue();
                if (reservation.IsRefused || now >= reservation.ExpiresAt + reservation.Lifetime.Ticks)
                {
                    reservation.Expire(now);
                    _open.TryRemove(new KeyValuePair<string, HierarchicalReservation>(reservation.Id, reservation));
                    continue;
                }

                reservation.Expire(now);
                _ends.Enqueue(reservation, reservation.ExpiresAt + reservation.Lifetime.Ticks);
            }

            _nextEnd = _ends.TryPeek(out _, out var next) ? next : long.MaxValue;
        }
    }

    private void Schedule(HierarchicalReservation reservation, long at)
    {
        lock (_gate)
        {
            _ends.Enqueue(reservation, at);
            _nextEnd = Math.Min(_nextEnd, at);
        }
    }
}

/// <summary>One reservation: what it held where, and what its first call answered.</summary>
internal sealed class HierarchicalReservation(string id, TimeSpan lifetime)
{
    private readonly Lock _gate = new();
    private readonly List<(HierarchicalKey Key, long Units, long Weight, long Generation)> _holds = [];
    private readonly TaskCompletionSource<(StoreVerdict Verdict, LimitOutcome[] Outcomes)> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isExpired;
    private bool _isSettled;

    public string Id => id;

    public TimeSpan Lifetime => lifetime;

    public long ExpiresAt { get; set; }

    /// <summary>Whether it was decided against: nothing is held, and it settles as unknown.</summary>
    public bool IsRefused => _answer.Task is { IsCompletedSuccessfully: true, Result.Verdict: not StoreVerdict.Admitted };

    /// <summary>Adds what is held of one key.</summary>
    public void Add(HierarchicalKey key, long units, long weight, long generation) => _holds.Add((key, units, weight, generation));

    /// <summary>Remembers the answer for repeats.</summary>
    public void Complete(StoreVerdict verdict, ReadOnlySpan<LimitOutcome> outcomes) => _answer.TrySetResult((verdict, outcomes.ToArray()));

    /// <summary>Answers a repeat as the first call was answered.</summary>
    public async ValueTask<StoreVerdict> AnswerAgainAsync(Memory<LimitOutcome> outcomes, CancellationToken cancellationToken)
    {
        var (verdict, answered) = await _answer.Task.WaitAsync(cancellationToken);
        answered.AsSpan(0, Math.Min(answered.Length, outcomes.Length)).CopyTo(outcomes.Span);
        return verdict;
    }

    /// <summary>Ends it with what the work cost.</summary>
    public SettleOutcome Settle(long now, long actualCost)
    {
        lock (_gate)
        {
            if (!_answer.Task.IsCompleted || IsRefused)
                return SettleOutcome.Unknown;
            if (_isSettled)
                return SettleOutcome.AlreadySettled;
            _isSettled = true;
            foreach (var (key, units, weight, generation) in _holds)
            {
                // A slot is never used up.
                var spent = key.Terms.Algorithm == LimitAlgorithm.Concurrency ? 0 : LimitChecks.Multiply(actualCost, weight);
                lock (key.Gate)
                {
                    if (_isExpired)
                        key.Lease.Charge(now, spent);
                    else
                        key.Lease.Release(now, generation, units, spent);
                }
            }

            return _isExpired ? SettleOutcome.SettledLate : SettleOutcome.Settled;
        }
    }

    /// <summary>Returns what it holds, once.</summary>
    public void Expire(long now)
    {
        lock (_gate)
        {
            if (_isExpired || _isSettled || !_answer.Task.IsCompleted)
                return;
            _isExpired = true;
            foreach (var (key, units, _, generation) in _holds)
            {
                lock (key.Gate)
                    key.Lease.Release(now, generation, units, 0);
            }
        }
    }
}

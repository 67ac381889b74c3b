using System.Text;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Keeps and decides limits in this process.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class EmbeddedLimitStore : ILimitStore
{
    private readonly Lock _gate = new();
    private readonly EmbeddedClock _clock;
    private readonly EmbeddedStoreOptions _options;
    private readonly LogSlab _slab;
    private readonly Dictionary<(UInt128 Limit, string Key), (Limit Limit, LimitState State)> _states = [];
    private readonly Dictionary<string, Reservation> _reservations = new(StringComparer.Ordinal);

    public EmbeddedLimitStore(EmbeddedStoreOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        _options = options;
        _clock = new EmbeddedClock(time);
        _slab = new LogSlab(new LogBudget(options.MaxLogBytes / LogSlab.BlockBytes));
    }

    public ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: false);
        lock (_gate)
            return ValueTask.FromResult(Decide(checks.Span, outcomes.Span, charge: true, reservation: null));
    }

    public ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        lock (_gate)
            return ValueTask.FromResult(Decide(checks.Span, outcomes.Span, charge: false, reservation: null));
    }

    public ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateReservation(reservationId, expiresAfter);
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        lock (_gate)
        {
            Expire();
            if (_reservations.TryGetValue(reservationId, out var known))
            {
                Decide(checks.Span, outcomes.Span, charge: false, reservation: null);
                for (var i = 0; i < checks.Length; i++)
                    outcomes.Span[i] = outcomes.Span[i] with { HasRoom = true, RetryAfter = TimeSpan.Zero };
                return ValueTask.FromResult(StoreVerdict.Admitted);
            }

            var now = _clock.Now();
            var reservation = new Reservation { ExpiresAt = now + (expiresAfter.Ticks * 100), ForgetAt = now + (expiresAfter.Ticks * 200) };
            var verdict = Decide(checks.Span, outcomes.Span, charge: true, reservation);
            if (verdict == StoreVerdict.Admitted)
                _reservations.Add(reservationId, reservation);
            return ValueTask.FromResult(verdict);
        }
    }

    public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateSettlement(reservationId, actualCost);
        lock (_gate)
        {
            Expire();
            if (!_reservations.TryGetValue(reservationId, out var reservation))
                return ValueTask.FromResult(SettleOutcome.Unknown);
            if (reservation.Settled)
                return ValueTask.FromResult(SettleOutcome.AlreadySettled);
            var late = reservation.Expired;
            if (!late)
                Return(reservation);
            var now = _clock.Now();
            foreach (var check in reservation.Holds)
            {
                var state = Load(check, now);
                LimitAlgorithms.Charge(check.Limit.Terms, ref state, _slab, now, LimitChecks.Multiply(actualCost, check.Weight));
                _states[(check.Limit.IdHash, Text(check.Key))] = (check.Limit, state);
            }

            reservation.Settled = true;
            return ValueTask.FromResult(late ? SettleOutcome.SettledLate : SettleOutcome.Settled);
        }
    }

    /// <summary>As <see cref="AcquireAsync"/> for one check, without a task.</summary>
    public bool TryAcquire(string key, Limit limit, long cost, out LimitOutcome outcome)
    {
        LimitChecks.Validate(limit, key, cost);
        Span<LimitOutcome> outcomes = stackalloc LimitOutcome[1];
        bool admitted;
        lock (_gate)
            admitted = Decide([new LimitCheck(limit, key, cost)], outcomes, charge: true, reservation: null) == StoreVerdict.Admitted;
        outcome = outcomes[0];
        return admitted;
    }

    /// <summary>As <see cref="TryAcquire(string, Limit, long, out LimitOutcome)"/>, for a key in UTF-8.</summary>
    public bool TryAcquire(ReadOnlySpan<byte> utf8Key, Limit limit, long cost, out LimitOutcome outcome) =>
        TryAcquire(Encoding.UTF8.GetString(utf8Key), limit, cost, out outcome);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private StoreVerdict Decide(ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, bool charge, Reservation? reservation)
    {
        Expire();
        var now = _clock.Now();
        var admitted = true;
        for (var i = 0; i < checks.Length; i++)
        {
            // A key that comes twice needs room for both costs.
            var cost = Math.Max(1, checks[i].Cost);
            for (var j = 0; j < i; j++)
            {
                if (checks[j].Limit.IdHash == checks[i].Limit.IdHash && Text(checks[j].Key) == Text(checks[i].Key))
                    cost += checks[j].Cost;
            }

            var state = Load(checks[i], now);
            var decision = LimitAlgorithms.Decide(checks[i].Limit.Terms, ref state, _slab, now, cost, charge: false);
            admitted &= decision.HasRoom;
            outcomes[i] = LimitChecks.Outcome(decision);
        }

        if (!charge || !admitted)
            return admitted ? StoreVerdict.Admitted : StoreVerdict.Rejected;
        for (var i = 0; i < checks.Length; i++)
        {
            var check = checks[i];
            var state = Load(check, now);
            var hold = reservation is not null && (check.Hold || check.Limit.Algorithm == LimitAlgorithm.Concurrency);
            var decision = LimitAlgorithms.Decide(check.Limit.Terms, ref state, _slab, now, check.Cost, charge: !hold);
            if (hold)
            {
                state.Held += check.Cost;
                decision = decision with { Remaining = decision.Remaining - check.Cost };
                reservation!.Holds.Add(check);
            }

            outcomes[i] = LimitChecks.Outcome(decision);
            _states[(check.Limit.IdHash, Text(check.Key))] = (check.Limit, state);
        }

        return StoreVerdict.Admitted;
    }

    private static string Text(string key) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(key));

    private LimitState Load(in LimitCheck check, long now)
    {
        if (!_states.TryGetValue((check.Limit.IdHash, Text(check.Key)), out var kept))
            return default;
        if (kept.Limit.Terms.Tag != check.Limit.Terms.Tag)
        {
            LimitAlgorithms.Rescale(kept.Limit.Terms, check.Limit.Terms, ref kept.State, _slab, now);
            _states[(check.Limit.IdHash, Text(check.Key))] = (check.Limit, kept.State);
        }

        return kept.State;
    }

    private void Expire()
    {
        var now = _clock.Now();
        foreach (var (id, reservation) in _reservations)
        {
            if (!reservation.Settled && !reservation.Expired && reservation.ExpiresAt <= now)
            {
                reservation.Expired = true;
                Return(reservation);
            }

            if (reservation.ForgetAt <= now)
                _reservations.Remove(id);
        }
    }

    private void Return(Reservation reservation)
    {
        foreach (var check in reservation.Holds)
        {
            var state = Load(check, _clock.Now());
            state.Held -= check.Cost;
            _states[(check.Limit.IdHash, Text(check.Key))] = (check.Limit, state);
        }
    }

    private sealed class Reservation
    {
        public List<LimitCheck> Holds { get; } = [];
        public required long ExpiresAt { get; init; }
        public required long ForgetAt { get; init; }
        public bool Settled { get; set; }
        public bool Expired { get; set; }
    }
}

using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>A key that is asked for often: its demand, and the units that Redis holds for this node to spend.</summary>
/// <remarks>
/// Deciding is thread-safe and lock-free; all that renews is called by one loop. Invariant: the units here never exceed those that Redis
/// holds under this lease's id, from the moment they arrive until they run out.
/// </remarks>
internal sealed class RedisHotKey
{
    private readonly bool _leasable;
    private long _units;
    private long _offered;
    private long _validUntil;
    private long _rejectUntil;
    private long _knownRemaining;
    private long _knownReset;
    private long _toldRetry;

    public RedisHotKey(RedisLimitShape shape, string key, long now, bool leases)
    {
        Shape = shape;
        Key = key;
        StateKey = RedisShapes.StateKey(shape, key);
        // A bucket that refills in less time than a few renewals take would run over between them.
        _leasable = leases && shape.Limit.Algorithm != LimitAlgorithm.Concurrency && shape.Burst / shape.Rate >= 40_000;
        LastTick = now;
        LastDemand = now;
    }

    public RedisLimitShape Shape { get; }

    public string Key { get; }

    public RedisKey StateKey { get; }

    /// <summary>Units asked for a second, lately.</summary>
    public double Demand { get; private set; }

    /// <summary>Units asked for a second, over some seconds: for the node's share.</summary>
    public double SteadyDemand { get; private set; }

    /// <summary>Whether it is leased, or should be.</summary>
    public bool Leased { get; set; }

    /// <summary>How much more than the demand says is asked for: doubles whenever the units run out before a renewal, halves with each regular one.</summary>
    public double Boost { get; set; } = 1;

    /// <summary>Set by a decision that found no units and waits for more.</summary>
    public bool IsShort { get; set; }

    /// <summary>Units that Redis holds for the lease, as last confirmed.</summary>
    public long Held { get; set; }

    /// <summary>The lease's id: 16 bytes, new whenever it is unknown what Redis holds.</summary>
    public byte[]? Id { get; set; }

    /// <summary>When it is renewed next, by the time provider's timestamp.</summary>
    public long NextRenewal { get; set; }

    public long LastTick { get; private set; }

    /// <summary>When it was last asked for.</summary>
    public long LastDemand { get; private set; }

    public long LastRenewal { get; set; }

    /// <summary>Units to spend now.</summary>
    public long Units => Volatile.Read(ref _units);

    public bool IsSaturated(long now) => now < Volatile.Read(ref _rejectUntil);

    public void Offer(long cost)
    {
        Interlocked.Add(ref _offered, Math.Max(1, cost));
        Interlocked.Add(ref Shape.Offered, cost);
    }

    /// <summary>Whether the key can be leased and is hot enough.</summary>
    public bool WantsLease(int hotPerSecond) => _leasable && Demand >= hotPerSecond;

    /// <summary>Takes units that are leased; false when there are not as many, or no longer.</summary>
    public bool TrySpend(long cost, long now)
    {
        if (now >= Volatile.Read(ref _validUntil))
            return false;
        var units = Volatile.Read(ref _units);
        while (units >= Math.Max(1, cost))
        {
            var seen = Interlocked.CompareExchange(ref _units, units - cost, units);
            if (seen == units)
                return true;
            units = seen;
        }

        return false;
    }

    /// <summary>Gives units back that were taken for a decision that came to nothing.</summary>
    public void Return(long cost) => Interlocked.Add(ref _units, cost);

    /// <summary>What is told of an admission.</summary>
    public LimitOutcome Admitted() => new(
        true, Math.Max(0, Volatile.Read(ref _units)) + Volatile.Read(ref _knownRemaining), TimeSpan.Zero, new TimeSpan(Volatile.Read(ref _knownReset)));

    /// <summary>What is told of a rejection.</summary>
    public LimitOutcome Rejected(long now, TimeProvider time)
    {
        var wait = time.GetElapsedTime(now, Volatile.Read(ref _toldRetry));
        return new(false, 0, wait > TimeSpan.Zero ? wait : TimeSpan.FromMilliseconds(1), new TimeSpan(Volatile.Read(ref _knownReset)));
    }

    /// <summary>Reckons the demand since the last tick.</summary>
    public void Tick(long now, TimeProvider time)
    {
        var elapsed = time.GetElapsedTime(LastTick, now).TotalSeconds;
        if (elapsed <= 0)
            return;
        LastTick = now;
        var offered = Interlocked.Exchange(ref _offered, 0);
        if (offered > 0)
            LastDemand = now;
        var weight = Math.Min(1, elapsed / 0.05);
        Demand += weight * ((offered / elapsed) - Demand);
        weight = Math.Min(1, elapsed / 2);
        SteadyDemand += weight * ((offered / elapsed) - SteadyDemand);
    }

    /// <summary>Takes up to so many units out of use, to return them.</summary>
    public long Withdraw(long atMost)
    {
        var units = Volatile.Read(ref _units);
        while (units > 0 && atMost > 0)
        {
            var part = Math.Min(units, atMost);
            var seen = Interlocked.CompareExchange(ref _units, units - part, units);
            if (seen == units)
                return part;
            units = seen;
        }

        return 0;
    }

    /// <summary>Puts granted units into use, in place of all earlier ones or beside them.</summary>
    public void Grant(long units, bool inPlace, long validUntil)
    {
        // Units first leave use, then their validity is prolonged: a unit of a lost lease must not come alive again.
        if (inPlace)
            Interlocked.Exchange(ref _units, 0);
        Volatile.Write(ref _validUntil, validUntil);
        Interlocked.Add(ref _units, units);
    }

    /// <summary>Keeps what Redis said for what is told from here.</summary>
    public void Know(in LimitOutcome outcome)
    {
        Volatile.Write(ref _knownRemaining, outcome.Remaining);
        Volatile.Write(ref _knownReset, outcome.ResetAfter.Ticks);
    }

    /// <summary>Rejects, once the units are spent, until then; callers are told to come back at <paramref name="told"/>.</summary>
    public void RejectUntil(long until, long told)
    {
        Volatile.Write(ref _toldRetry, told);
        Volatile.Write(ref _rejectUntil, until);
    }
}

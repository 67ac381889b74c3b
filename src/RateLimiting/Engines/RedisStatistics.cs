namespace Tenfold.RateLimiting.Engines;

/// <summary>What a Redis store has done so far. Thread-safe counters.</summary>
internal sealed class RedisStatistics
{
    /// <summary>Calls sent to the server for decisions, reservations, leases and heartbeats.</summary>
    public long Calls;

    /// <summary>Probes sent while the breaker was open.</summary>
    public long Probes;

    /// <summary>Calls that ended without an answer or with an error.</summary>
    public long FailedCalls;

    /// <summary>Decisions that waited for a call.</summary>
    public long RemoteDecisions;

    /// <summary>Decisions admitted from leased units.</summary>
    public long LeasedAdmissions;

    /// <summary>Decisions rejected in this process since Redis had said so a moment ago.</summary>
    public long LeasedRejections;

    /// <summary>Decisions that ended without an answer.</summary>
    public long Unavailable;
}

namespace Tenfold.RateLimiting.Why;

/// <summary>Whether the engine could be asked lately, judged by decisions and not by a probe: what matters is what callers saw.</summary>
/// <remarks>Thread-safe. Cheap; asked about once a second by several callers.</remarks>
internal sealed class EngineHealth(DecisionObserver observer, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private long _at = time.GetTimestamp();
    private long _lastUnavailable;
    private long _lastDecisions;
    private long _failedAt;
    private bool _hasFailed;
    private double _decisionsPerSecond;
    private double _rejectedPerSecond;
    private long _lastRejected;

    /// <summary>Looks at what was counted since the last look.</summary>
    public (bool Unavailable, double DecisionsPerSecond, double RejectedPerSecond) Look()
    {
        lock (_lock)
        {
            var elapsed = time.GetElapsedTime(_at).TotalSeconds;
            if (observer.Unavailable > _lastUnavailable)
            {
                (_hasFailed, _failedAt) = (true, time.GetTimestamp());
                _lastUnavailable = observer.Unavailable;
            }

            if (elapsed >= 0.5)
            {
                var (decisions, rejected) = (observer.Admitted + observer.Rejected, observer.Rejected);
                _decisionsPerSecond = (decisions - _lastDecisions) / elapsed;
                _rejectedPerSecond = (rejected - _lastRejected) / elapsed;
                (_lastDecisions, _lastRejected, _at) = (decisions, rejected, time.GetTimestamp());
            }

            return (_hasFailed && time.GetElapsedTime(_failedAt) < Window, _decisionsPerSecond, _rejectedPerSecond);
        }
    }
}

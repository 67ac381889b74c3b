namespace Tenfold.RateLimiting.Adaptive;

/// <summary>An <see cref="IAdaptiveLimiter"/> in real time.</summary>
/// <remarks>Thread-safe; one short lock a request, so that checking and counting are one step. Allocates one small object a request. No timers.</remarks>
public sealed class AdaptiveLimiter : IAdaptiveLimiter
{
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly AdaptiveCore _core;
    private readonly Lock _gate = new();

    /// <summary>Makes a limiter.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every fault.</exception>
    public AdaptiveLimiter(AdaptiveOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        var faults = string.Join("; ", options.Faults());
        if (faults.Length > 0)
            throw new ArgumentException(faults, nameof(options));
        _time = time;
        _start = time.GetTimestamp();
        _core = new AdaptiveCore(options, 0);
    }

    /// <inheritdoc/>
    public int Limit
    {
        get
        {
            lock (_gate)
                return _core.Limit;
        }
    }

    /// <inheritdoc/>
    public int InFlight
    {
        get
        {
            lock (_gate)
                return _core.InFlight;
        }
    }

    private long Now => _time.GetElapsedTime(_start).Ticks;

    /// <inheritdoc/>
    public bool TryEnter(string tenant, WorkPriority priority, out AdaptiveLease lease)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (!Enum.IsDefined(priority))
            throw new ArgumentOutOfRangeException(nameof(priority), priority, "use Critical, Normal or Bulk");
        lock (_gate)
        {
            var now = Now;
            if (_core.TryEnter(now, tenant, priority, out var account))
            {
                lease = new AdaptiveLease(new Place(this, account, now));
                return true;
            }
        }

        lease = default;
        return false;
    }

    /// <summary>Sets a tenant's weight in fair sharing; 1 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not over 0.</exception>
    public void SetWeight(string tenant, double weight)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (!(weight > 0 && double.IsFinite(weight)))
            throw new ArgumentOutOfRangeException(nameof(weight), weight, "must be over 0");
        lock (_gate)
            _core.SetWeight(tenant, weight);
    }

    /// <summary>Tells what the backend says of itself: how long work waits in its queue, how busy it is (0 to 1).</summary>
    public void Report(TimeSpan? queueDelay, double? utilisation)
    {
        lock (_gate)
            _core.Report(queueDelay, utilisation);
    }

    internal sealed class Place(AdaptiveLimiter limiter, TenantShares.Tenant account, long since)
    {
        private bool _completed;

        public void Complete(WorkOutcome outcome)
        {
            lock (limiter._gate)
            {
                if (_completed)
                    return;
                _completed = true;
                var now = limiter.Now;
                limiter._core.Leave(now, account, now - since, outcome);
            }
        }
    }
}

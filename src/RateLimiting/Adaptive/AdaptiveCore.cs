namespace Tenfold.RateLimiting.Adaptive;

/// <summary>
/// The adaptive limiter's whole decision, pure: time is passed in. <see cref="AdaptiveLimiter"/> puts a lock and a clock around it; the
/// simulator runs it in virtual time.
/// </summary>
/// <remarks>Not thread-safe: check and count are one step only under the caller's lock.</remarks>
internal sealed class AdaptiveCore
{
    private const int MostJoined = 10;

    private readonly AdaptiveOptions _options;
    private readonly GradientController _controller;
    private readonly TenantShares _tenants;
    private long _intervalEnds;
    private long _sampledFrom;
    private int _joined;
    private int _samples;
    private double _busy;
    private long _countedTo;
    private int _overloaded;
    private int _mostInFlight;
    private double? _queueDelay;
    private double? _utilisation;

    /// <summary>Starts at <paramref name="now"/>, in ticks.</summary>
    public AdaptiveCore(AdaptiveOptions options, long now)
    {
        _options = options;
        _controller = new GradientController(options);
        _tenants = new TenantShares(options.MaxTenants);
        _intervalEnds = now + options.Interval.Ticks;
        _sampledFrom = now;
        _countedTo = now;
    }

    /// <summary>Requests that may be at work at a time.</summary>
    public int Limit => _controller.Limit;

    /// <summary>Requests at work.</summary>
    public int InFlight { get; private set; }

    /// <summary>Sets a tenant's weight in fair sharing.</summary>
    public void SetWeight(string tenant, double weight) => _tenants.Find(tenant).Weight = weight;

    /// <summary>Takes a place, or not.</summary>
    public bool TryEnter(long now, string tenant, WorkPriority priority, out TenantShares.Tenant account)
    {
        CountBusy(now);
        Advance(now);
        account = _tenants.Find(tenant);
        account.Asked++;
        // Each priority sees a smaller limit than the one above it, so that what is shed first is the least important.
        var places = Limit * _options.PriorityShares[(int)priority];
        if (InFlight + 1 > Math.Max(1, places))
        {
            // Whoever is refused a place proves that the limit is used up.
            _mostInFlight = Math.Max(_mostInFlight, Limit);
            return false;
        }

        // A tenant over its fair share waits for the others; critical work is fair only among what is left.
        if (_tenants.IsContended && priority != WorkPriority.Critical && account.InFlight + 1 > Math.Max(1, Math.Floor(account.Share + 1e-6)))
            return false;
        InFlight++;
        account.InFlight++;
        account.Admitted++;
        account.MostInFlight = Math.Max(account.MostInFlight, account.InFlight);
        _mostInFlight = Math.Max(_mostInFlight, InFlight);
        return true;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave(long now, TenantShares.Tenant account, long latency, WorkOutcome outcome)
    {
        CountBusy(now);
        InFlight--;
        account.InFlight--;
        // Work that was ignored counts as if it had never been, as far back as this window goes.
        if (outcome == WorkOutcome.Ignored)
            _busy -= Math.Min(latency, now - _sampledFrom);
        else if (outcome == WorkOutcome.Done)
            _samples++;
        else
            _overloaded++;
        Advance(now);
    }

    /// <summary>Takes in what the backend says of itself.</summary>
    public void Report(TimeSpan? queueDelay, double? utilisation)
    {
        _queueDelay = queueDelay?.TotalSeconds ?? _queueDelay;
        _utilisation = utilisation ?? _utilisation;
    }

    private void CountBusy(long now)
    {
        _busy += (double)InFlight * (now - _countedTo);
        _countedTo = now;
    }

    private void Advance(long now)
    {
        if (now < _intervalEnds)
            return;
        _intervalEnds = now + _options.Interval.Ticks;
        // The usual priority's part is what tenants contend for; the rest is kept for critical work.
        _tenants.Divide(Limit * _options.PriorityShares[(int)WorkPriority.Normal]);
        // Few answers are joined with the next interval's; while a probe holds the limit down, time matters more.
        if (!_controller.IsProbing && _samples + _overloaded < _options.MinSamples && ++_joined < MostJoined)
            return;
        var ticks = now - _sampledFrom;
        _controller.Step(new LoadSample(
            _samples, Math.Max(0, _busy / ticks), _overloaded, _mostInFlight, InFlight, (double)ticks / TimeSpan.TicksPerSecond, _queueDelay, _utilisation));
        _sampledFrom = now;
        _joined = 0;
        _samples = 0;
        _busy = 0;
        _overloaded = 0;
        _mostInFlight = InFlight;
        _queueDelay = null;
        _utilisation = null;
    }
}

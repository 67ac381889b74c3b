namespace Tenfold.Lab.Load;

/// <summary>Counts one phase as it runs: latency, course, endings, and the mean number in the system. One thread writes.</summary>
internal sealed class PhaseMeter
{
    private const long Interval = LabClock.Second / 4;

    private readonly long _start;
    private readonly LatencyRecorder _all = new();
    private readonly LatencyRecorder _interval = new();
    private readonly LatencyRecorder _lag = new();
    private readonly List<SeriesPoint> _series = [];
    private long _intervalStart;
    private long _intervalErrors;
    private long _lastChange;
    private long _inSystem;
    private double _area;

    public PhaseMeter(long start)
    {
        _start = _intervalStart = _lastChange = start;
    }

    public long Arrivals { get; private set; }

    public long Admitted { get; private set; }

    public long Rejected { get; private set; }

    public long Errors { get; private set; }

    public double RecentRate => _series.Count == 0 ? 0 : _series[^1].Rate;

    public LatencySeconds Latency => _all.Summarize();

    /// <summary>A request became due at <paramref name="intended"/> and was noticed at <paramref name="now"/>.</summary>
    public void Arrived(long intended, long now)
    {
        Arrivals++;
        _lag.Record(now - intended);
        Change(now, 1);
        // It was in the system since it was due, though the driver noticed it only now.
        _area += now - intended;
    }

    /// <summary>A request ended. Its latency counts whether it ended well or not: leaving out timeouts would flatter the server.</summary>
    public void Ended(in Exchange exchange)
    {
        Change(exchange.Ended, -1);
        var latency = exchange.Ended - exchange.Intended;
        _all.Record(latency);
        _interval.Record(latency);
        if (exchange.Ending == Ending.Admitted)
        {
            Admitted++;
        }
        else if (exchange.Ending == Ending.Rejected)
        {
            Rejected++;
        }
        else
        {
            Errors++;
            _intervalErrors++;
        }
    }

    /// <summary>Closes intervals that are over; true when one was.</summary>
    public bool Tick(long now)
    {
        if (now - _intervalStart < Interval)
            return false;
        var seconds = (now - _intervalStart) / 1e9;
        var answers = _interval.Count - _intervalErrors;
        _series.Add(new SeriesPoint(_intervalStart / 1e9, answers / seconds, _interval.Percentile(99), _intervalErrors));
        _interval.Reset();
        _intervalErrors = 0;
        _intervalStart = now;
        return true;
    }

    public PhaseResult Finish(LoadPhase phase, long end)
    {
        Change(end, 0);
        var seconds = (end - _start) / 1e9;
        return new PhaseResult(
            phase.Name,
            _start / 1e9,
            Arrivals / Math.Max(1e-9, phase.Duration.TotalSeconds),
            (Admitted + Rejected) / seconds,
            _all.Summarize(),
            Errors,
            Admitted,
            Rejected,
            _lag.Percentile(99),
            _area / (end - _start),
            [.. _series]);
    }

    private void Change(long now, int by)
    {
        if (now > _lastChange)
        {
            _area += (double)_inSystem * (now - _lastChange);
            _lastChange = now;
        }

        _inSystem += by;
    }
}

namespace Tenfold.RateLimiting.Adaptive;

/// <summary>What one window showed.</summary>
/// <param name="Samples">Answers that were no timeouts or refusals.</param>
/// <param name="MeanInFlight">Requests at work, averaged over time.</param>
/// <param name="Overloaded">Answers that were timeouts or refusals.</param>
/// <param name="MostInFlight">The most requests at work.</param>
/// <param name="InFlight">Requests at work at its end.</param>
/// <param name="Seconds">How long it was; over 0.</param>
/// <param name="QueueDelaySeconds">The queue delay that the backend reported; null for none.</param>
/// <param name="Utilisation">The utilisation that the backend reported, 0 to 1; null for none.</param>
internal readonly record struct LoadSample(
    int Samples, double MeanInFlight, int Overloaded, int MostInFlight, int InFlight, double Seconds, double? QueueDelaySeconds = null,
    double? Utilisation = null)
{
    /// <summary>Answers a second.</summary>
    public double Rate => Samples / Seconds;

    /// <summary>The standard error of the rate, as a part of it, were answers to come at random.</summary>
    public double Scatter => 1 / Math.Sqrt(Math.Max(1, Samples));
}

/// <summary>
/// Finds the limit on requests at a time. Little's law: rate times latency without a queue is as many as the backend works on, its knee;
/// beyond it more of them only wait. So the limit is the knee times the tolerance (BBR, Cardwell et al. 2016; Netflix concurrency-limits).
/// </summary>
/// <remarks>
/// Pure; not thread-safe. Workers lost and workers slowed look the same at a full limit, though the first asks for a smaller limit and
/// the second does not. Only a smaller limit tells (BBR's ProbeRTT, Envoy's minRTT): if the rate falls in proportion there was no queue, and this
/// latency is the baseline; if the rate holds there was one, and the limit is halved again. So latency alone never takes the limit under the
/// knee last found, a lasting overload never raises the baseline, and a limit that is not used up says nothing.
/// </remarks>
internal sealed class GradientController
{
    private const double FastestGrowth = 1.5;

    // A probe: just under the knee to look again; at half, and half again, where the baseline or the workers are in doubt.
    private const double ProbeShare = 0.8;
    private const double DeepProbeShare = 0.5;
    private const int ProbeSamples = 100;
    private const double LongestProbeSeconds = 5;

    // What calls for a probe: this many windows in a row with a queue when one is due, or far slower than that.
    private const int WindowsBeforeProbe = 3;
    private const double QueuedGradient = 1.15;
    private const double SlowGradient = 0.8;

    // Changes of the baseline that are more than scatter.
    private const double SurprisingRise = 0.3;
    private const double SurprisingFall = 0.15;

    private readonly AdaptiveOptions _options;
    private readonly double _probeSeconds;
    private double _limit;
    private double _baseline = double.PositiveInfinity;
    private double _proven = double.PositiveInfinity;
    private double _knee;
    private double _sinceProbe;
    private int _slowWindows;
    private int _queuedWindows;
    private Sum _slow;
    private Probe? _probe;

    /// <summary>Starts from the initial limit.</summary>
    public GradientController(AdaptiveOptions options)
    {
        _options = options;
        _limit = options.InitialLimit;
        _probeSeconds = options.ProbeInterval.TotalSeconds;
        _sinceProbe = _probeSeconds;
    }

    /// <summary>The limit.</summary>
    public int Limit => (int)Math.Round(_limit);

    /// <summary>The latency without a queue, as known, in seconds.</summary>
    public double Baseline => _baseline;

    /// <summary>Whether the limit is smaller for a while, to measure: windows should be short.</summary>
    public bool IsProbing => _probe is not null;

    // What a probe found, or not far below it.
    private bool IsProven => _baseline >= _proven * (1 - SurprisingFall);

    /// <summary>Reckons with one window.</summary>
    public void Step(in LoadSample sample)
    {
        if (sample.Samples == 0 && sample.Overloaded == 0 && sample.InFlight == 0)
            return;
        _sinceProbe += sample.Seconds;
        if (_probe is not null)
        {
            Continue(_probe, sample);
            return;
        }

        if (Reported(sample) is < 1 and var reported)
        {
            Set(_limit * reported);
            return;
        }

        // No answer yet: whoever is at work keeps the others out.
        if (sample.Samples == 0 || sample.MeanInFlight <= 0)
            return;
        Learn(sample);
        if (sample.MostInFlight >= _limit * 0.8)
            Follow(sample);
        else
            (_slowWindows, _queuedWindows) = (0, 0);
    }

    // 1 while the backend reports no trouble; a half at the least, so that one bad window never starves.
    private double Reported(in LoadSample sample)
    {
        var gradient = sample.Samples == 0 && sample.Overloaded > 0 ? 0.5 : 1;
        if (sample.QueueDelaySeconds is { } delay && delay > _options.QueueDelayTarget.TotalSeconds)
            gradient = Math.Min(gradient, Math.Sqrt(_options.QueueDelayTarget.TotalSeconds / delay));
        if (sample.Utilisation is { } utilisation && utilisation > _options.UtilisationTarget)
            gradient = Math.Min(gradient, _options.UtilisationTarget / utilisation);
        return Math.Max(0.5, gradient);
    }

    // Latency is never less than without a queue. Few answers scatter: only a bound that the true latency seldom exceeds counts.
    private void Learn(in LoadSample sample) => _baseline = Math.Min(_baseline, Latency(sample) * (1 + (3 * sample.Scatter)));

    private void Follow(in LoadSample sample)
    {
        var gradient = _options.Tolerance * _baseline / Latency(sample);
        if (gradient * (1 + (2 * sample.Scatter)) < SlowGradient)
        {
            // A long queue, or slow workers: until a probe tells which, the limit stays. The first such window is in part of the time before.
            _slow = _slowWindows > 0 ? _slow.Plus(sample) : default;
            if (++_slowWindows >= WindowsBeforeProbe)
                BeginProbe(_slow.Places, _slow.Rate, double.PositiveInfinity);
            return;
        }

        _slowWindows = 0;
        _knee = Math.Max(_knee, sample.Rate * _baseline * (1 - sample.Scatter));
        // While there is no queue to speak of, growing tells more than a probe does.
        _queuedWindows = gradient < QueuedGradient && sample.MeanInFlight >= _limit * 0.6 ? _queuedWindows + 1 : 0;
        if (_queuedWindows >= WindowsBeforeProbe && _sinceProbe >= (IsProven ? _probeSeconds : _probeSeconds / 5))
        {
            BeginProbe(sample.MeanInFlight, sample.Rate, IsProven ? _knee : double.PositiveInfinity);
            return;
        }

        // What the backend refused or was too late for is taken off the tolerance, and then off the knee.
        var accepted = (double)sample.Samples / (sample.Samples + sample.Overloaded);
        gradient = Math.Clamp(gradient * accepted, 0.5, FastestGrowth);
        // Half way when it is near, or the limit would follow the scatter.
        if (gradient is > 0.7 and < 1.3)
            gradient = Math.Sqrt(gradient);
        if (gradient >= 1)
            Set(_limit * gradient);
        else if (_queuedWindows > 1)
            Set(Math.Min(_limit, Math.Max(_limit * gradient, _knee * accepted)));
    }

    // Just under the knee where that is known; or far enough under what is at work that the rate tells a queue from slow workers.
    private void BeginProbe(double places, double rate, double knee)
    {
        (_slowWindows, _queuedWindows) = (0, 0);
        _probe = new Probe(_limit, places, rate) { IsDeep = double.IsInfinity(knee) };
        Set(_probe.IsDeep ? places * DeepProbeShare : Math.Min(places, knee) * ProbeShare);
    }

    private void Continue(Probe probe, in LoadSample sample)
    {
        if (!probe.Add(sample, Limit))
            return;
        var seen = probe.Seen;
        var part = seen.Places / probe.Places;
        if (seen.Samples == 0 || part is <= 0 or > 0.85)
        {
            // No answer at all: few at work is best. Nothing drained: nothing learnt.
            End(seen.Samples == 0 ? _limit : probe.Limit);
            return;
        }

        var latency = seen.Places / seen.Rate;
        var change = (latency / _baseline) - 1;
        // Little's law: places over rate is latency. Where nobody waits, fewer places mean a lower rate in proportion; where many wait, the same rate.
        var isSurprise = change > SurprisingRise || !IsProven;
        if (isSurprise && !probe.IsDeep && seen.Samples < 2 * ProbeSamples && seen.Seconds < LongestProbeSeconds)
            return;
        var held = seen.Rate / probe.Rate;
        probe.Rate = Math.Max(probe.Rate, seen.Rate);
        if (isSurprise && held > (1 + part) / 2 && Limit > _options.MinLimit)
        {
            probe.Restart(seen.Places);
            Set(seen.Places * DeepProbeShare);
            return;
        }

        _baseline = change is > -SurprisingFall and < SurprisingRise ? (_baseline + latency) / 2 : latency;
        _proven = _baseline;
        _knee = probe.Rate * _baseline;
        End(probe.Limit * Math.Min(FastestGrowth, _options.Tolerance * _knee / probe.PlacesBefore));
        // A raised baseline may be chance: look again soon.
        if (change > SurprisingRise)
            _sinceProbe = _probeSeconds * 0.8;
    }

    private void End(double limit)
    {
        _probe = null;
        _sinceProbe = 0;
        Set(limit);
    }

    // Right after the limit shrank more may be at work than it allows; they tell of the time before.
    private double Latency(in LoadSample sample) => Math.Min(sample.MeanInFlight, _limit) / sample.Rate;

    private void Set(double limit) => _limit = Math.Clamp(limit, _options.MinLimit, _options.MaxLimit);

    /// <summary>Several windows together.</summary>
    private readonly record struct Sum(int Samples, double Busy, double Seconds)
    {
        public double Places => Busy / Seconds;

        public double Rate => Samples / Seconds;

        public Sum Plus(in LoadSample sample) => new(Samples + sample.Samples, Busy + (sample.MeanInFlight * sample.Seconds), Seconds + sample.Seconds);
    }

    /// <summary>A smaller limit for a while, and what was before it.</summary>
    private sealed class Probe(double limit, double places, double rate)
    {
        private double _seconds;
        private bool _hasDrained;

        public double Limit { get; } = limit;

        public bool IsDeep { get; set; }

        public double PlacesBefore { get; } = places;

        public double Places { get; private set; } = places;

        public double Rate { get; set; } = rate;

        public Sum Seen { get; private set; }

        // Until the work from before has drained there is nothing to measure, and few samples would mislead; but not for ever.
        public bool Add(in LoadSample sample, int limit)
        {
            _seconds += sample.Seconds;
            if (!_hasDrained && _seconds < LongestProbeSeconds)
            {
                _hasDrained = sample.InFlight <= limit;
                return false;
            }

            Seen = Seen.Plus(sample);
            return (Seen.Samples >= ProbeSamples / 2 && Seen.Seconds * Rate >= ProbeSamples * 1.5) || Seen.Seconds >= LongestProbeSeconds;
        }

        public void Restart(double places) => (Places, IsDeep, _seconds, _hasDrained, Seen) = (places, true, 0, false, default);
    }
}

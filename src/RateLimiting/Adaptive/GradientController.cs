namespace Tenfold.RateLimiting.Adaptive;

/// <summary>What one interval showed.</summary>
/// <param name="Samples">Answers whose latency was measured.</param>
/// <param name="MeanSeconds">Their mean latency.</param>
/// <param name="Overloaded">Answers that were timeouts or refusals.</param>
/// <param name="MostInFlight">The most requests at work.</param>
/// <param name="InFlight">Requests at work at its end.</param>
/// <param name="Seconds">How long it was.</param>
/// <param name="QueueDelaySeconds">The queue delay that the backend reported; null for none.</param>
/// <param name="Utilisation">The utilisation that the backend reported, 0 to 1; null for none.</param>
internal readonly record struct LoadSample(
    int Samples, double MeanSeconds, int Overloaded, int MostInFlight, int InFlight, double Seconds, double? QueueDelaySeconds = null,
    double? Utilisation = null);

/// <summary>
/// Finds the limit on requests at a time: little's law says that beyond rate times service time more of them only wait. The gradient of
/// latency against a baseline tells (Netflix concurrency-limits, gradient2; TCP Vegas), beside reported queue delay (CoDel, RFC 8289) and utilisation.
/// </summary>
/// <remarks>
/// Pure; not thread-safe. The known traps and what is done about them: the baseline drifts up under steady overload, so it is never
/// averaged over time but the least mean of an interval, measured anew with a smaller limit now and then (BBR's ProbeRTT); a window
/// of few samples is joined with the next; a limit that is not used up says nothing, and does not grow; a backend that got slower without a
/// queue is seen by the probe, and the baseline follows.
/// </remarks>
internal sealed class GradientController
{
    private const double ProbeShare = 0.8;
    private const double SlowProbeShare = 0.6;
    private const int SlowStepsBeforeProbe = 3;
    private const double FastestGrowth = 0.25;
    private const double EnoughSamples = 50;
    private const int LongestProbe = 15;

    private readonly AdaptiveOptions _options;
    private readonly int _stepsBetweenProbes;
    private double _limit;
    private double _limitBeforeProbe;
    private double _baseline = double.PositiveInfinity;
    private double _probedSum;
    private int _probedSamples;
    private int _steps;
    private int _probing;
    private bool _hasDrained;
    private bool _isSlowProbe;
    private int _slowSteps;

    /// <summary>Starts from the initial limit.</summary>
    public GradientController(AdaptiveOptions options)
    {
        _options = options;
        _limit = options.InitialLimit;
        _stepsBetweenProbes = (int)Math.Ceiling(options.ProbeInterval / options.Interval);
    }

    /// <summary>The limit.</summary>
    public int Limit => (int)Math.Round(_limit);

    /// <summary>The latency without a queue, as known, in seconds.</summary>
    public double Baseline => _baseline;

    /// <summary>Reckons with one interval.</summary>
    public void Step(in LoadSample sample)
    {
        if (sample.Samples == 0 && sample.Overloaded == 0 && sample.InFlight == 0)
            return;
        _steps++;
        if (_probing > 0)
        {
            Probe(sample);
            return;
        }

        // Means of few samples scatter: the bound above which the true mean lies seldom counts, or the least of many would be far too low.
        if (sample.Samples > 0)
            _baseline = Math.Min(_baseline, sample.MeanSeconds * (1 + (2 * Scatter(sample))));
        var isUsed = sample.MostInFlight >= _limit * 0.8;
        var gradient = Gradient(sample);
        _slowSteps = gradient < 0.8 ? _slowSteps + 1 : 0;
        // Slow for long in spite of shrinking: perhaps the backend is slower now, not queueing. Only a probe can tell.
        if (isUsed && (_steps >= _stepsBetweenProbes || _slowSteps >= SlowStepsBeforeProbe))
            BeginProbe(sample);
        else if (gradient < 1)
            Shrink(sample, gradient);
        else if (isUsed)
            Set(_limit + Growth(sample));
    }

    private void Shrink(in LoadSample sample, double gradient)
    {
        // While more are at work than the limit allows, the last shrinking is still taking effect, and latency tells of the time before it.
        if (sample.InFlight > _limit)
            return;
        // Little's law: so many at a time are being worked on, whatever the latency says; fewer would idle the backend.
        Set(Math.Min(_limit, Math.Max(_limit * gradient, Working(sample))));
    }

    private double Working(in LoadSample sample) =>
        double.IsFinite(_baseline) ? (sample.Samples + sample.Overloaded) / Math.Max(1e-6, sample.Seconds) * _baseline : _limit;

    // Growth needs proof that the limit is what holds work back; far from the tolerance it is fast, near it slow.
    private double Growth(in LoadSample sample)
    {
        var room = sample.Samples == 0 ? 0 : (_options.Tolerance * _baseline / sample.MeanSeconds) - 1;
        return room <= 0 ? 0 : Math.Max(room > 0.1 ? 1 : 0.1, _limit * Math.Min(room, FastestGrowth));
    }

    // 1 while there is no queue to speak of, less as it grows; a half at the least, so that one bad interval never starves.
    private double Gradient(in LoadSample sample)
    {
        var gradient = sample.Samples == 0 ? 0.5 : Math.Min(1, _options.Tolerance * _baseline * (1 + Scatter(sample)) / sample.MeanSeconds);
        if (sample.QueueDelaySeconds is { } delay && delay > _options.QueueDelayTarget.TotalSeconds)
            gradient = Math.Min(gradient, Math.Sqrt(_options.QueueDelayTarget.TotalSeconds / delay));
        if (sample.Utilisation is { } utilisation && utilisation > _options.UtilisationTarget)
            gradient = Math.Min(gradient, _options.UtilisationTarget / utilisation);
        var refused = (double)sample.Overloaded / Math.Max(1, sample.Overloaded + sample.Samples);
        if (refused > 0.01)
            gradient = Math.Min(gradient, 1 - Math.Min(0.5, refused));
        return Math.Max(0.5, gradient);
    }

    // The standard error of a mean whose samples scatter as much as they measure, as service times do at worst as a rule.
    private static double Scatter(in LoadSample sample) => 1 / Math.Sqrt(Math.Max(1, sample.Samples));

    // Few enough that none of them can queue, even where workers were lost: or the queue would be taken for the baseline.
    private void BeginProbe(in LoadSample sample)
    {
        _isSlowProbe = _slowSteps >= SlowStepsBeforeProbe;
        _probing = 1;
        _hasDrained = false;
        _probedSum = 0;
        _probedSamples = 0;
        _limitBeforeProbe = _limit;
        _slowSteps = 0;
        Set(Math.Min(_limit, Working(sample)) * (_isSlowProbe ? SlowProbeShare : ProbeShare));
    }

    private void Probe(in LoadSample sample)
    {
        // Until the queue from before has drained, there is nothing to measure; and few samples would mislead. But not for ever.
        _probing++;
        if (_probing < LongestProbe && !_hasDrained)
        {
            _hasDrained = sample.InFlight <= _limit;
            return;
        }

        _probedSum += sample.MeanSeconds * sample.Samples;
        _probedSamples += sample.Samples;
        if (_probing < LongestProbe && _probedSamples < EnoughSamples)
            return;
        _probing = 0;
        _steps = 0;
        if (_probedSamples > 0)
        {
            // Many samples replace the baseline, few only move it; a routine probe moves it less than one that latency called for.
            var weight = _isSlowProbe ? Math.Min(1, _probedSamples / EnoughSamples) : _probedSamples / (_probedSamples + (EnoughSamples / 2));
            weight = double.IsFinite(_baseline) ? weight : 1;
            _baseline = ((double.IsFinite(_baseline) ? _baseline : 0) * (1 - weight)) + (_probedSum / _probedSamples * weight);
        }

        Set(_limitBeforeProbe);
    }

    private void Set(double limit) => _limit = Math.Clamp(limit, _options.MinLimit, _options.MaxLimit);
}

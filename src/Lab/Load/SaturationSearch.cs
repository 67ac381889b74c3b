namespace Tenfold.Lab.Load;

/// <summary>
/// Finds how much a server can take: the offered rate rises step by step until the answers fall behind it, or latency passes its
/// bound, twice in a row. Pure: the caller runs the steps.
/// </summary>
internal sealed class SaturationSearch(double firstRate, double factor, double p99BoundSeconds, double maxRate, int maxSteps)
{
    /// <summary>A step holds when at least this part of the offered load is answered.</summary>
    public const double HoldsAt = 0.97;

    private readonly List<PhaseResult> _steps = [];
    private bool _repeating;

    /// <summary>The rate of the next step; null when the search is over.</summary>
    public double? Next { get; private set; } = firstRate;

    /// <summary>The greatest offered rate that held.</summary>
    public double Held { get; private set; }

    /// <summary>The most answers a second in any step: the throughput at saturation.</summary>
    public double Peak { get; private set; }

    /// <summary>Why the search ended.</summary>
    public string Reason { get; private set; } = "not run";

    public IReadOnlyList<PhaseResult> Steps => _steps;

    public void Add(PhaseResult step)
    {
        _steps.Add(step);
        Peak = Math.Max(Peak, step.AchievedPerSecond);
        var rate = Next ?? firstRate;
        var failure = Judge(step);
        if (failure.Length > 0 && !_repeating && _steps.Count < maxSteps)
        {
            // Once more at the same rate: a stall of a shared machine is not saturation.
            _repeating = true;
            return;
        }

        _repeating = false;
        if (failure.Length == 0)
            Held = rate;
        Reason = failure switch
        {
            { Length: > 0 } => failure,
            _ when rate >= maxRate => $"the highest allowed rate holds: {FigureText.Number(maxRate)}/s",
            _ when _steps.Count >= maxSteps => $"{maxSteps} steps done and the last still holds",
            _ => "",
        };
        Next = Reason.Length == 0 ? Math.Min(rate * factor, maxRate) : null;
    }

    /// <summary>Why a step does not hold; empty when it does.</summary>
    private string Judge(PhaseResult step)
    {
        if (step.AchievedPerSecond < HoldsAt * step.OfferedPerSecond)
            return $"answers fell behind: {FigureText.Number(step.AchievedPerSecond)}/s of {FigureText.Number(step.OfferedPerSecond)}/s";
        return step.LatencySeconds.P99 > p99BoundSeconds
            ? $"p99 passed its bound: {FigureText.Seconds(step.LatencySeconds.P99)} > {FigureText.Seconds(p99BoundSeconds)}"
            : "";
    }
}

namespace Tenfold.Lab.Load;

/// <summary>
/// Finds how much a server can take: the offered rate rises step by step until the answers fall behind it, or latency passes its
/// bound. Pure: the caller runs the steps.
/// </summary>
internal sealed class SaturationSearch(double firstRate, double factor, double p99BoundSeconds, double maxRate, int maxSteps)
{
    /// <summary>A step holds when at least this part of the offered load is answered.</summary>
    public const double HoldsAt = 0.97;

    private readonly List<PhaseResult> _steps = [];

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
        var holds = step.AchievedPerSecond >= HoldsAt * step.OfferedPerSecond;
        if (holds)
            Held = Math.Max(Held, step.OfferedPerSecond);
        Reason = (holds, step.LatencySeconds.P99 > p99BoundSeconds) switch
        {
            (false, _) => $"answers fell behind: {FigureText.Number(step.AchievedPerSecond)}/s of {FigureText.Number(step.OfferedPerSecond)}/s",
            (_, true) => $"p99 passed its bound: {FigureText.Seconds(step.LatencySeconds.P99)} > {FigureText.Seconds(p99BoundSeconds)}",
            _ when step.OfferedPerSecond >= maxRate => $"the highest allowed rate holds: {FigureText.Number(maxRate)}/s",
            _ when _steps.Count >= maxSteps => $"{maxSteps} steps done and the last still holds",
            _ => "",
        };
        Next = Reason.Length == 0 ? Math.Min(step.OfferedPerSecond * factor, maxRate) : null;
    }
}

namespace Tenfold.Lab;

/// <summary>What a running scenario shows a few times a second.</summary>
/// <param name="Phase">The phase's name.</param>
/// <param name="PhaseNumber">Counted from 1.</param>
/// <param name="PhaseCount">How many phases are planned; saturation steps count as one.</param>
/// <param name="Elapsed">Since the scenario began.</param>
/// <param name="OfferedPerSecond">Requests a second that are being sent, by plan.</param>
/// <param name="AchievedPerSecond">Answers a second over the last interval.</param>
/// <param name="Latency">Of the phase so far, from the intended send time.</param>
/// <param name="PromisesChecked">How many checks were made so far.</param>
/// <param name="PromisesBroken">How many of them failed.</param>
/// <param name="Fault">The fault that is being injected, or null.</param>
public sealed record LabProgress(
    string Phase,
    int PhaseNumber,
    int PhaseCount,
    TimeSpan Elapsed,
    double OfferedPerSecond,
    double AchievedPerSecond,
    LatencySeconds Latency,
    long PromisesChecked,
    long PromisesBroken,
    string? Fault);

namespace Tenfold.Lab.Load;

/// <summary>
/// L = λW (Little 1961): the mean number in the system is the arrival rate times the mean time in it. L is sampled by the driver's
/// loop, λ counted, W averaged from the histogram: when they disagree, answers were lost, counted twice, or timed wrongly.
/// </summary>
internal static class LittlesLaw
{
    /// <summary>What the histogram's three digits and the phase's edges can explain.</summary>
    public const double Tolerance = 0.05;

    /// <summary>The relative difference between L and λW.</summary>
    public static double Difference(PhaseResult phase)
    {
        var rate = phase.AchievedPerSecond * (1 + (double)phase.Errors / Math.Max(1, phase.Admitted + phase.Rejected));
        var expected = rate * phase.LatencySeconds.Mean;
        var greater = Math.Max(expected, phase.InSystem);
        return greater == 0 ? 0 : Math.Abs(expected - phase.InSystem) / greater;
    }
}

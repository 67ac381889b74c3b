namespace Tenfold.RateLimiting.Adaptive;

/// <summary>How an <see cref="AdaptiveLimiter"/> finds and divides its limit.</summary>
public sealed class AdaptiveOptions
{
    /// <summary>The limit at the start, in requests at a time. Default 20; found anew within seconds.</summary>
    public int InitialLimit { get; set; } = 20;

    /// <summary>The limit never falls under this. Default 1.</summary>
    public int MinLimit { get; set; } = 1;

    /// <summary>The limit never rises over this. Default 1,000.</summary>
    public int MaxLimit { get; set; } = 1000;

    /// <summary>How often the limit is reckoned anew. Default 100 ms.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Fewer answers than this in an interval are added to the next: few samples mislead. Default 50.</summary>
    public int MinSamples { get; set; } = 50;

    /// <summary>
    /// Latency up to this multiple of the baseline is no sign of a queue. Default 1.5: the queue then costs half a service time, and a
    /// backend of several workers stays busy.
    /// </summary>
    public double Tolerance { get; set; } = 1.5;

    /// <summary>The queue delay that a backend which reports one may keep, as CoDel's target. Default 5 ms.</summary>
    public TimeSpan QueueDelayTarget { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The utilisation, 0 to 1, over which the limit shrinks. Default 0.95.</summary>
    public double UtilisationTarget { get; set; } = 0.95;

    /// <summary>How often the baseline is measured anew with a smaller limit, so that it neither drifts up nor stays too low. Default 10 s.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The part of the limit that each priority may fill, lowest last in: critical may fill all of it. Default 1, 0.9, 0.7.
    /// </summary>
    public IReadOnlyList<double> PriorityShares { get; set; } = [1.0, 0.9, 0.7];

    /// <summary>The most tenants tracked; the others share one part. Default 10,000.</summary>
    public int MaxTenants { get; set; } = 10_000;

    /// <summary>Says what is wrong, one fault an item.</summary>
    public IEnumerable<string> Faults()
    {
        if (MinLimit < 1)
            yield return $"MinLimit = {MinLimit}: at least 1";
        if (MaxLimit < MinLimit)
            yield return $"MaxLimit = {MaxLimit}: at least MinLimit ({MinLimit})";
        if (InitialLimit < MinLimit || InitialLimit > MaxLimit)
            yield return $"InitialLimit = {InitialLimit}: between MinLimit ({MinLimit}) and MaxLimit ({MaxLimit})";
        if (Interval < TimeSpan.FromMilliseconds(1) || Interval > TimeSpan.FromMinutes(1))
            yield return $"Interval = {Interval}: 1 ms to 1 minute";
        if (MinSamples < 1)
            yield return $"MinSamples = {MinSamples}: at least 1";
        if (Tolerance is not (>= 1 and <= 10))
            yield return $"Tolerance = {Tolerance}: 1 to 10";
        if (QueueDelayTarget <= TimeSpan.Zero)
            yield return $"QueueDelayTarget = {QueueDelayTarget}: more than zero";
        if (UtilisationTarget is not (> 0 and <= 1))
            yield return $"UtilisationTarget = {UtilisationTarget}: more than 0, at most 1";
        if (ProbeInterval < Interval)
            yield return $"ProbeInterval = {ProbeInterval}: at least Interval ({Interval})";
        if (PriorityShares is not { Count: 3 } || PriorityShares.Any(share => share is not (> 0 and <= 1)))
            yield return "PriorityShares: three parts (critical, normal, bulk), each more than 0, at most 1";
        if (MaxTenants < 1)
            yield return $"MaxTenants = {MaxTenants}: at least 1";
    }
}

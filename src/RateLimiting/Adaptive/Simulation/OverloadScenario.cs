namespace Tenfold.RateLimiting.Adaptive.Simulation;

/// <summary>How requests are let in to the simulated backend.</summary>
internal enum OverloadPolicy
{
    /// <summary>All of them.</summary>
    None,

    /// <summary>As many at a time as a fixed limit allows.</summary>
    Fixed,

    /// <summary>As many at a time as the adaptive limiter finds.</summary>
    Adaptive,
}

/// <summary>A backend of some workers with one queue, and what is offered to it. Times in seconds.</summary>
internal sealed record OverloadScenario
{
    /// <summary>The seed that repeats the run.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How requests are let in.</summary>
    public OverloadPolicy Policy { get; init; }

    /// <summary>The limit of <see cref="OverloadPolicy.Fixed"/>: safe on paper, since 800 at 1,000 a second wait 0.8 s of the 1 s they have.</summary>
    public int FixedLimit { get; init; } = 800;

    /// <summary>The adaptive limiter's options.</summary>
    public AdaptiveOptions Options { get; init; } = new();

    /// <summary>How long it runs.</summary>
    public double Seconds { get; init; } = 60;

    /// <summary>Workers at a time of the run.</summary>
    public Func<double, int> Workers { get; init; } = static _ => 50;

    /// <summary>The mean time of one request on a worker, at a time of the run.</summary>
    public Func<double, double> ServiceSeconds { get; init; } = static _ => 0.05;

    /// <summary>How service times scatter: lognormal with this sigma; null for exponential.</summary>
    public double? LognormalSigma { get; init; }

    /// <summary>Requests offered a second, at a time of the run.</summary>
    public Func<double, double> Offered { get; init; } = static _ => 700;

    /// <summary>The part of each tenant in the offered load.</summary>
    public IReadOnlyList<double> TenantParts { get; init; } = [1];

    /// <summary>The part of each priority in the offered load: critical, normal, bulk.</summary>
    public IReadOnlyList<double> PriorityParts { get; init; } = [0.05, 0.65, 0.3];

    /// <summary>After this long nobody waits for the answer any more: the work was for nothing.</summary>
    public double Deadline { get; init; } = 1;

    /// <summary>By how much each request at the backend beyond its workers slows all of them (contention, as in the USL).</summary>
    public double Contention { get; init; } = 0.0005;
}

/// <summary>What a run came to, second by second.</summary>
/// <param name="Capacity">Requests a second that the backend could do.</param>
/// <param name="Offered">Requests offered.</param>
/// <param name="Good">Requests answered within the deadline.</param>
/// <param name="InFlight">Requests at the backend, at each second's end.</param>
/// <param name="Limit">The limit at each second's end; 0 for none.</param>
/// <param name="GoodByTenant">Good answers of each tenant.</param>
/// <param name="CriticalLatency">Latency of each critical request that was let in, with the second of its arrival.</param>
/// <param name="CriticalShed">Critical requests not let in, by second.</param>
/// <param name="Shed">All requests not let in, by second.</param>
internal sealed record OverloadResult(
    double[] Capacity, long[] Offered, long[] Good, int[] InFlight, int[] Limit, long[][] GoodByTenant, List<(int Second, double Latency)> CriticalLatency,
    long[] CriticalShed, long[] Shed)
{
    /// <summary>Good answers over capacity, from one second to another.</summary>
    public double Goodput(int from, int to)
    {
        double good = 0, capacity = 0;
        for (var second = from; second < to; second++)
        {
            good += Good[second];
            capacity += Math.Min(Capacity[second], Offered[second]);
        }

        return good / capacity;
    }

    /// <summary>The 99th percentile of critical latency, from one second to another.</summary>
    public double CriticalP99(int from, int to)
    {
        var latencies = CriticalLatency.Where(entry => entry.Second >= from && entry.Second < to).Select(entry => entry.Latency).Order().ToList();
        return latencies.Count == 0 ? double.NaN : latencies[(int)(latencies.Count * 0.99)];
    }
}

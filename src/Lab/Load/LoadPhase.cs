using System.Net;

namespace Tenfold.Lab.Load;

/// <summary>What one phase of load is.</summary>
internal sealed record LoadPhase
{
    public required string Name { get; init; }

    public required IPEndPoint Target { get; init; }

    public required WireProtocol Protocol { get; init; }

    public required IWorkload Workload { get; init; }

    public required double RatePerSecond { get; init; }

    public required TimeSpan Duration { get; init; }

    /// <summary>Connections held open; each is one client.</summary>
    public int Connections { get; init; } = 32;

    /// <summary>
    /// How long a request may wait to be sent, and then for its answer. Apart, since under overload every request waits: cutting
    /// connections for it would measure reconnecting.
    /// </summary>
    public TimeSpan RequestDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The most requests that may wait to be sent; beyond it the oldest is given up, counted as an error.</summary>
    public int MaxBacklog { get; init; } = 200_000;

    /// <summary>Makes arrivals independent of each other (Poisson); null spaces them evenly.</summary>
    public Random? Random { get; init; }

    /// <summary>The most requests of the phase, whatever its rate and duration.</summary>
    public long MaxRequests { get; init; } = 20_000_000;
}

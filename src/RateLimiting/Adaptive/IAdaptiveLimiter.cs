namespace Tenfold.RateLimiting.Adaptive;

/// <summary>Admits as much work at a time as the backend behind it can do without queueing, fairly between tenants, critical work last to be shed.</summary>
/// <remarks>Thread-safe.</remarks>
public interface IAdaptiveLimiter
{
    /// <summary>Requests that may be at work at a time, as of now.</summary>
    int Limit { get; }

    /// <summary>Requests at work.</summary>
    int InFlight { get; }

    /// <summary>Takes a place, or says at once that there is none.</summary>
    /// <param name="tenant">Whose work it is: tenants share by weighted max-min fairness when there is not enough for all.</param>
    /// <param name="priority">How late it is shed.</param>
    /// <param name="lease">The place; complete it when the work has ended. Only when true.</param>
    bool TryEnter(string tenant, WorkPriority priority, out AdaptiveLease lease);
}

/// <summary>How late work is shed under overload.</summary>
public enum WorkPriority
{
    /// <summary>Last to be shed.</summary>
    Critical,

    /// <summary>The usual.</summary>
    Normal,

    /// <summary>First to be shed.</summary>
    Bulk,
}

/// <summary>How work ended.</summary>
public enum WorkOutcome
{
    /// <summary>It was done: its latency is a measurement.</summary>
    Done,

    /// <summary>It timed out or was refused by the backend: a sign of overload.</summary>
    Overloaded,

    /// <summary>It ended for reasons of its own (cancelled, bad request): its latency says nothing.</summary>
    Ignored,
}

/// <summary>A place at work. Complete it once; completing it again does nothing.</summary>
public readonly struct AdaptiveLease : IEquatable<AdaptiveLease>
{
    private readonly AdaptiveLimiter.Place? _place;

    internal AdaptiveLease(AdaptiveLimiter.Place place) => _place = place;

    /// <summary>Gives the place back and says how the work ended.</summary>
    public void Complete(WorkOutcome outcome) => _place?.Complete(outcome);

    /// <inheritdoc/>
    public bool Equals(AdaptiveLease other) => ReferenceEquals(_place, other._place);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is AdaptiveLease other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _place?.GetHashCode() ?? 0;

    /// <summary>Whether both are the same place.</summary>
    public static bool operator ==(AdaptiveLease left, AdaptiveLease right) => left.Equals(right);

    /// <summary>Whether they are different places.</summary>
    public static bool operator !=(AdaptiveLease left, AdaptiveLease right) => !left.Equals(right);
}

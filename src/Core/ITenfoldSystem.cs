namespace Tenfold;

/// <summary>
/// What the host, the console and <c>tenfold status</c> show of a system. Each system registers one as a singleton.
/// </summary>
public interface ITenfoldSystem
{
    /// <summary>The system's one spelling in URLs, commands and documents: <c>rate-limiter</c>.</summary>
    string Name { get; }

    /// <summary>The name for people: <c>Rate limiter</c>.</summary>
    string Title { get; }

    /// <summary>What it promises, in one sentence.</summary>
    string Promise { get; }

    /// <summary>The state at this moment. Cheap and never blocking: it is asked once a second.</summary>
    SystemStatus GetStatus();
}

/// <summary>How healthy a system is.</summary>
public enum SystemHealth
{
    /// <summary>All promises hold.</summary>
    Healthy,

    /// <summary>It works, with a promise weakened: <see cref="SystemStatus.Detail"/> says which.</summary>
    Degraded,

    /// <summary>It cannot do its work.</summary>
    Unhealthy,
}

/// <summary>A system's state at one moment.</summary>
/// <param name="Health">How healthy it is.</param>
/// <param name="Engine">The engine's address, without secrets.</param>
/// <param name="Detail">One sentence on what is wrong, or null.</param>
/// <param name="Addresses">Where it listens: protocol to address.</param>
/// <param name="Figures">The few figures that matter first.</param>
public sealed record SystemStatus(
    SystemHealth Health,
    string Engine,
    string? Detail,
    IReadOnlyDictionary<string, string> Addresses,
    IReadOnlyList<SystemFigure> Figures);

/// <summary>A live figure with its unit.</summary>
/// <param name="Name">What it counts, for people: <c>decisions/s</c>.</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">An OpenTelemetry unit (<c>s</c>, <c>By</c>, <c>{decision}/s</c>).</param>
public sealed record SystemFigure(string Name, double Value, string Unit);

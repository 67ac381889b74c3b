using System.Net;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>How the hierarchical engine works (<c>orleans://…</c>): configuration section <c>Tenfold:RateLimiting:Hierarchy</c>.</summary>
public sealed class HierarchyOptions
{
    /// <summary>
    /// This node's name, stable over its restarts and unique in the cluster: a restarted node then shares its earlier life's fair share.
    /// Default: the machine's name and the process id.
    /// </summary>
    public string? NodeName { get; set; }

    /// <summary>The region whose aggregator this node asks. Default <c>local</c>.</summary>
    public string Region { get; set; } = "local";

    /// <summary>
    /// What to do while cut off. Default <see cref="PartitionMode.Strict"/>: never over the limit. <see cref="PartitionMode.Available"/> goes on
    /// at the last share.
    /// </summary>
    public PartitionMode Mode { get; set; } = PartitionMode.Strict;

    /// <summary>How long a lease lasts. Default 3 s: longer rides out longer pauses, and strands what a dead node held for longer.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How often a node with leases reports. Default 1 s; shortened by itself for limits whose burst fills in less than eight times that.</summary>
    public TimeSpan Refresh { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The greatest step of one machine's clock that must do no harm. Default 500 ms; on a local silo there is but one clock, and it is 0.</summary>
    public TimeSpan MaxClockStep { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>In available mode: how long the share of a silent node is kept from the others. Default 10 s: a shorter cut admits nothing beyond the limit.</summary>
    public TimeSpan SilentGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a report may take before it counts as lost. Default 500 ms.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Over how many aggregators of a region, and roots, keys are spread. Default 16; the same on all nodes.</summary>
    public int Buckets { get; set; } = 16;

    /// <summary>The most keys that a node, and an aggregator, keeps at a time; beyond it new keys are unavailable. Default 1,000,000.</summary>
    public int MaxKeys { get; set; } = 1_000_000;

    /// <summary>The most reservations open at a node. Default 100,000.</summary>
    public int MaxReservations { get; set; } = 100_000;

    /// <summary>Names the Orleans cluster, for clusters that share one Redis. Default <c>tenfold</c>.</summary>
    public string ClusterId { get; set; } = "tenfold";

    /// <summary>
    /// This machine's address, on which silos speak to each other. Default 127.0.0.1. They speak without encryption or password: give an address of a
    /// network that only they reach.
    /// </summary>
    public string SiloAddress { get; set; } = "127.0.0.1";

    /// <summary>The port on which silos speak to each other; 0 (the default) takes a free one.</summary>
    public int SiloPort { get; set; }

    /// <summary>Says what is wrong, one fault an item: field, value, what is allowed.</summary>
    public IEnumerable<string> Faults()
    {
        if (string.IsNullOrWhiteSpace(Region) || Region.Length > 100)
            yield return $"Region = '{Region}': 1 to 100 characters";
        if (string.IsNullOrWhiteSpace(ClusterId) || ClusterId.Length > 100)
            yield return $"ClusterId = '{ClusterId}': 1 to 100 characters";
        if (NodeName is { } name && (string.IsNullOrWhiteSpace(name) || name.Length > 100))
            yield return $"NodeName = '{name}': 1 to 100 characters, or nothing for the machine's name and the process id";
        if (Refresh < TimeSpan.FromMilliseconds(20) || Refresh > TimeSpan.FromMinutes(1))
            yield return $"Refresh = {Refresh}: 20 ms to 1 minute";
        if (MaxClockStep < TimeSpan.Zero || MaxClockStep > TimeSpan.FromSeconds(10))
            yield return $"MaxClockStep = {MaxClockStep}: 0 to 10 s";
        if (Lease < 2 * (Refresh + MaxClockStep) || Lease > TimeSpan.FromMinutes(10))
            yield return $"Lease = {Lease}: at least twice Refresh + MaxClockStep ({2 * (Refresh + MaxClockStep)}), or one late report ends it; at most 10 minutes";
        if (CallTimeout <= TimeSpan.Zero || CallTimeout > Lease)
            yield return $"CallTimeout = {CallTimeout}: more than 0, at most Lease ({Lease})";
        if (SilentGrace < TimeSpan.Zero || SilentGrace > TimeSpan.FromHours(1))
            yield return $"SilentGrace = {SilentGrace}: 0 to 1 hour";
        if (Buckets is < 1 or > 4096)
            yield return $"Buckets = {Buckets}: 1 to 4096";
        if (MaxKeys < 1)
            yield return $"MaxKeys = {MaxKeys}: at least 1";
        if (MaxReservations < 1)
            yield return $"MaxReservations = {MaxReservations}: at least 1";
        if (!IPAddress.TryParse(SiloAddress, out var address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            yield return $"SiloAddress = '{SiloAddress}': one IP address of this machine, as 127.0.0.1";
        if (SiloPort is < 0 or > 65535)
            yield return $"SiloPort = {SiloPort}: 0 to 65535";
    }

    /// <summary>Says why a limit cannot be used with this engine, or null when it can.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="address">The engine's address.</param>
    public string? Refuses(Limit limit, EngineAddress address)
    {
        ArgumentNullException.ThrowIfNull(limit);
        ArgumentNullException.ThrowIfNull(address);
        return Refuses(limit, oneProcess: address.Rest.TrimEnd('/') is "local" or "");
    }

    internal string? Refuses(Limit limit, bool oneProcess) =>
        limit.Algorithm != LimitAlgorithm.Concurrency || oneProcess || Mode == PartitionMode.Available
            ? null
            : $"'{limit.Id}' limits concurrency, and work may outlive the lease of a node that is cut off: a cluster in strict mode cannot keep it. " +
              "Use engine redis://, Mode available (more than the limit may be at work during a cut), or a token bucket.";

    internal LeaseTerms ToTerms(bool oneClock) => new(
        Lease.Ticks, Refresh.Ticks, 2 * Refresh.Ticks, oneClock ? 0 : MaxClockStep.Ticks, Mode, SilentGrace.Ticks);
}

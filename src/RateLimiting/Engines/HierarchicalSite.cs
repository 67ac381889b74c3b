using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>What the engine and the grains of one process share: its clock and the times of its leases.</summary>
/// <param name="Clock">The clock.</param>
/// <param name="Terms">The nodes' terms; those of regions follow from them.</param>
/// <param name="Waits">Real time, by which calls between machines are given up, whatever time the limits live in.</param>
/// <param name="OneProcess">Whether all nodes are this process, so that none can be cut off.</param>
internal sealed record HierarchicalSite(HierarchicalClock Clock, LeaseTerms Terms, TimeProvider Waits, bool OneProcess);

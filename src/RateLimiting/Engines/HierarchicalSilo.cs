namespace Tenfold.RateLimiting.Engines;

/// <summary>Says that this process hosts a silo, for which address. There is none without the hierarchical engine.</summary>
/// <param name="Address">The engine's address when services were registered.</param>
internal sealed record HierarchicalSilo(EngineAddress Address);

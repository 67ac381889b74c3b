namespace Tenfold.RateLimiting.Engines;

/// <summary>An engine that knows how much it keeps in this process.</summary>
internal interface ILimitStoreSize
{
    /// <summary>Keys kept and the memory they take. Cheap, never blocking.</summary>
    LimitStoreSize Size { get; }
}

/// <summary>How much an engine keeps.</summary>
/// <param name="Keys">Keys with a state.</param>
/// <param name="MemoryBytes">Memory of the states, in bytes.</param>
internal readonly record struct LimitStoreSize(long Keys, long MemoryBytes);

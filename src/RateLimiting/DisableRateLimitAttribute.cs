namespace Tenfold.RateLimiting;

/// <summary>Leaves an endpoint unlimited.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class DisableRateLimitAttribute : Attribute;

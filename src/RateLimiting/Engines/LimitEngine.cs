namespace Tenfold.RateLimiting.Engines;

/// <summary>An engine that can be chosen by its address. One is registered as a singleton for each scheme.</summary>
/// <param name="Scheme">The address's scheme: <c>redis</c>.</param>
/// <param name="Example">An address as people write it, for messages.</param>
/// <param name="Create">Makes the store; called once, at the start.</param>
internal sealed record LimitEngine(string Scheme, string Example, Func<IServiceProvider, RateLimitingOptions, EngineAddress, ILimitStore> Create);

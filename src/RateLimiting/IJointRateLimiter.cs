namespace Tenfold.RateLimiting;

/// <summary>
/// Decides several requests together, all or nothing: what the descriptors of one Envoy call need. The rules layer's
/// <see cref="IRateLimiter"/> implements it too.
/// </summary>
/// <remarks>Thread-safe, as <see cref="IRateLimiter"/>. All requests see one version of the rules.</remarks>
internal interface IJointRateLimiter
{
    /// <summary>
    /// One decision a request, in order. When any request is denied, nothing is charged to any limit of any of them; each decision
    /// still says whether its own limits had room.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A request is out of bounds, or all together match more limits than <see cref="Engines.ILimitStore.MaxChecks"/>.
    /// </exception>
    ValueTask<IReadOnlyList<RateLimitDecision>> AcquireTogetherAsync(
        IReadOnlyList<JointRequest> requests, CancellationToken cancellationToken = default);
}

/// <summary>One of several requests that are decided together.</summary>
/// <param name="Request">Attributes and cost.</param>
/// <param name="InlineLimit">
/// When given, decides instead of the configured rules, counted for the combination of all attributes of <paramref name="Request"/>;
/// its rule is reported as <c>inline</c>.
/// </param>
internal readonly record struct JointRequest(RateLimitRequest Request, Limit? InlineLimit = null);

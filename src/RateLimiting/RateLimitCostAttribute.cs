namespace Tenfold.RateLimiting;

/// <summary>What a request to an endpoint costs.</summary>
/// <param name="cost">Units, at least 0; a rule's own cost multiplies it.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RateLimitCostAttribute(long cost) : Attribute
{
    /// <summary>Units, at least 0. With <see cref="KnownAfterwards"/>, the estimate that is held meanwhile.</summary>
    public long Cost { get; } = cost >= 0 ? cost : throw new ArgumentOutOfRangeException(nameof(cost), cost, "A cost must not be negative; 0 only asks.");

    /// <summary>
    /// The handler says what the request really cost (<c>HttpContext.SetRateLimitCost</c>). Until the response ends the estimate is held;
    /// a handler that says nothing is charged the estimate.
    /// </summary>
    public bool KnownAfterwards { get; set; }
}

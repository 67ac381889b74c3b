namespace Tenfold.RateLimiting;

/// <summary>Applies a rule to an endpoint by its name.</summary>
/// <param name="rule">The rule's name.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class RequireRateLimitAttribute(string rule) : Attribute
{
    /// <summary>The rule's name.</summary>
    public string Rule { get; } = rule;
}

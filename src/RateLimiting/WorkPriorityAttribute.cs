using Tenfold.RateLimiting.Adaptive;

namespace Tenfold.RateLimiting;

/// <summary>How late requests to an endpoint are shed under overload.</summary>
/// <param name="priority">The priority.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class WorkPriorityAttribute(WorkPriority priority) : Attribute
{
    /// <summary>The priority.</summary>
    public WorkPriority Priority { get; } =
        Enum.IsDefined(priority) ? priority : throw new ArgumentOutOfRangeException(nameof(priority), priority, "use Critical, Normal or Bulk");
}

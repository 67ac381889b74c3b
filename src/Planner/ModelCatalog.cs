using Tenfold.Planner.Models;

namespace Tenfold.Planner;

/// <summary>Every model that <c>tenfold plan</c> knows. A system adds its own line.</summary>
public static class ModelCatalog
{
    /// <summary>All models, in the order in which they are listed.</summary>
    public static IReadOnlyList<PlanModel> All { get; } = [new RateLimiterModel()];

    /// <summary>The model of that system, or null.</summary>
    public static PlanModel? Find(string system) =>
        All.FirstOrDefault(model => string.Equals(model.System, system, StringComparison.OrdinalIgnoreCase));
}

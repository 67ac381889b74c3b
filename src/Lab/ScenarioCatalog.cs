using Tenfold.Lab.Scenarios.PlannerValidation;
using Tenfold.Lab.Scenarios.RateLimiter;

namespace Tenfold.Lab;

/// <summary>Every scenario that <c>tenfold lab</c> knows. A system adds its own line.</summary>
public static class ScenarioCatalog
{
    /// <summary>All scenarios, in the order in which they are listed.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new RateLimiterScenario(),
        new PlannerValidationScenario(),
    ];

    /// <summary>The scenario of that name, or null.</summary>
    public static Scenario? Find(string name) =>
        All.FirstOrDefault(scenario => string.Equals(scenario.Name, name, StringComparison.OrdinalIgnoreCase));
}

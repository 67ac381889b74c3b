namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>Seeded plans of what goes wrong.</summary>
internal static class LeaseFaultPlans
{
    /// <summary>Cuts, crashes and clock steps of up to half a second at every level, over and over.</summary>
    public static IReadOnlyList<LeaseFault> Everything(int seed, int nodes, int regions, double seconds)
    {
        var random = new Random(seed);
        var faults = new List<LeaseFault>();
        for (var i = 0; i < nodes / 5; i++)
        {
            Add(LeaseFaultKind.CutNode, random.Next(nodes));
            Add(LeaseFaultKind.KillNode, random.Next(nodes));
            Step(LeaseFaultKind.StepNode, i);
        }

        for (var i = 0; i < regions; i++)
        {
            Add(LeaseFaultKind.CutRegion, random.Next(regions));
            Add(LeaseFaultKind.KillRegion, random.Next(regions));
            Step(LeaseFaultKind.StepRegion, i);
        }

        Add(LeaseFaultKind.KillRoot, 0);
        for (var i = 0; i < 5; i++)
            Step(LeaseFaultKind.StepRoot, 0);
        return faults;

        void Add(LeaseFaultKind kind, int target)
        {
            var start = random.NextDouble() * seconds * 0.8;
            faults.Add(new LeaseFault(kind, target, start, start + 0.05 + (random.NextDouble() * random.NextDouble() * 8)));
        }

        // One clock steps once a lease at most: that is what the margin covers.
        void Step(LeaseFaultKind kind, int target) =>
            faults.Add(new LeaseFault(kind, target, random.NextDouble() * seconds, StepSeconds: random.NextDouble() - 0.5));
    }
}

namespace Tenfold.RateLimiting.Adaptive.Simulation;

/// <summary>The runs that the documentation shows and the tests check.</summary>
internal static class OverloadScenarios
{
    /// <summary>When ten times the load begins.</summary>
    public const int LoadAt = 20;

    /// <summary>When seven in ten workers are lost.</summary>
    public const int LossAt = 60;

    /// <summary>When they are back.</summary>
    public const int BackAt = 100;

    /// <summary>How long it runs.</summary>
    public const int End = 140;

    /// <summary>1,000 a second at most; 70 % of it offered, then ten times it; then 70 % of the workers die for 40 s.</summary>
    public static OverloadScenario TenTimesTheLoad(OverloadPolicy policy, int seed) => new()
    {
        Seed = seed,
        Policy = policy,
        Seconds = End,
        Offered = static second => second < LoadAt ? 700 : 10_000,
        Workers = static second => second is >= LossAt and < BackAt ? 15 : 50,
    };
}

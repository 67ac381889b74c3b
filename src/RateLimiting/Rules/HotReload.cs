namespace Tenfold.RateLimiting.Rules;

/// <summary>How limits live on when the rules change while hot.</summary>
internal static class HotReload
{
    /// <summary>Under which id a limit's state is kept. Only the names matter, so that a changed number keeps the state.</summary>
    public static string LimitId(string rule, string name) => name == "1" ? rule : $"{rule}/{name}";

    /// <summary>
    /// The limit to use in place of <paramref name="limit"/>, given those before: the same object when nothing changed, else one that takes over
    /// the state of its forerunner. Only of that one: each would keep the one before it alive, and years of reloads all of them.
    /// </summary>
    public static Limit Carry(Limit limit, IEnumerable<Limit?>? previous)
    {
        var before = previous?.FirstOrDefault(l => l?.Id == limit.Id);
        if (before is null)
            return limit;
        return IsSame(before, limit) ? before : limit.Replacing(Plain(before));
    }

    /// <summary>The same limit without a forerunner.</summary>
    public static Limit Plain(Limit limit) =>
        limit.Replaced is null ? limit : Limit.Create(limit.Id, limit.Algorithm, limit.Permits, limit.Period, limit.Burst);

    /// <summary>Whether two limits allow the same.</summary>
    public static bool IsSame(Limit a, Limit b) =>
        a.Algorithm == b.Algorithm && a.Permits == b.Permits && a.Period == b.Period && a.Burst == b.Burst;
}

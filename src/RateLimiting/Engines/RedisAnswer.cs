namespace Tenfold.RateLimiting.Engines;

/// <summary>Reads a script's answer to one request.</summary>
internal static class RedisAnswer
{
    /// <summary>Fills the outcomes and says the verdict; unavailable, with no outcome filled, where a key holds no state.</summary>
    public static StoreVerdict Read(
        ReadOnlySpan<byte> states, long now, ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, RedisShapes shapes)
    {
        for (var i = 0; i < checks.Length; i++)
        {
            if (RedisState.Read(states[(i * RedisState.Size)..]).IsBroken)
                return StoreVerdict.Unavailable;
        }

        var verdict = StoreVerdict.Admitted;
        for (var i = 0; i < checks.Length; i++)
        {
            var check = checks[i];
            var shape = shapes.Of(check.Limit);
            var outcome = shape.Outcome(RedisState.Read(states[(i * RedisState.Size)..]), now, check.Cost);
            if (!outcome.HasRoom)
            {
                verdict = StoreVerdict.Rejected;
                if (!shape.CanPass(check.Cost))
                    outcome = outcome with { RetryAfter = Timeout.InfiniteTimeSpan };
            }

            outcomes[i] = outcome;
        }

        return verdict;
    }
}

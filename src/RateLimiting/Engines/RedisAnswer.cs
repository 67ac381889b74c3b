namespace Tenfold.RateLimiting.Engines;

/// <summary>Reads a script's answer to one request.</summary>
internal static class RedisAnswer
{
    /// <summary>Fills the outcomes and says the verdict; unavailable, with no outcome filled, where a key holds no state.</summary>
    public static StoreVerdict Read(
        ReadOnlySpan<byte> answer, ref int at, long now, ReadOnlySpan<LimitCheck> checks, Span<LimitOutcome> outcomes, RedisShapes shapes)
    {
        var verdict = StoreVerdict.Admitted;
        for (var i = 0; i < checks.Length; i++)
        {
            var state = RedisState.Read(answer, ref at);
            if (state.IsBroken)
            {
                // All of a request's answers say so.
                at += (checks.Length - i - 1) * RedisState.Size;
                return StoreVerdict.Unavailable;
            }

            ref readonly var check = ref checks[i];
            var shape = shapes.Of(check.Limit);
            var outcome = shape.Outcome(state, now, check.Cost);
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

    /// <summary>Moves past the answer to a request that nobody waits for any more.</summary>
    public static void Skip(ReadOnlySpan<byte> answer, ref int at, int checks)
    {
        for (var i = 0; i < checks; i++)
            RedisState.Read(answer, ref at);
    }
}

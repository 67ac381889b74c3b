namespace Tenfold.RateLimiting.Leases;

/// <summary>The over-admission bounds that docs/rate-limiter-bounds.md derives.</summary>
internal static class LeaseBounds
{
    /// <summary>
    /// The most units by which holders that are cut off together can drive one central bucket under zero, in
    /// <see cref="PartitionMode.Available"/>. In <see cref="PartitionMode.Strict"/> it is 0.
    /// </summary>
    /// <param name="limit">The limit.</param>
    /// <param name="terms">The times of the cut leases.</param>
    /// <param name="share">The part of the limit's rate, 0 to 1, that the cut holders had as their shares.</param>
    /// <param name="cutSeconds">How long the cut lasts.</param>
    /// <param name="holders">How many holders are cut off.</param>
    /// <param name="graceSeconds">How long the owner keeps their share for them.</param>
    public static double Available(in LimitTerms limit, LeaseTerms terms, double share, double cutSeconds, int holders, double graceSeconds = 0)
    {
        var rate = share * limit.Rate;
        // From the first report without an answer to the first answer after the cut: a round before, a retry after.
        var alone = cutSeconds + Seconds(terms.Refresh) + Seconds(terms.Silence);
        var unkept = graceSeconds >= alone ? Seconds(terms.Silence) + Seconds(terms.Refresh) : alone;
        var stock = Math.Min(limit.Burst, (2 * rate * Seconds(terms.Horizon)) + (2 * Math.Sqrt(rate * Seconds(terms.Horizon) * holders)));
        return stock + (rate * unkept) + holders;
    }

    private static double Seconds(long ticks) => (double)ticks / TimeSpan.TicksPerSecond;
}

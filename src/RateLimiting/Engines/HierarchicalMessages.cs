using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>What a holder says of many keys at once.</summary>
/// <param name="Holder">The holder's name.</param>
/// <param name="Entries">One a key.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.quota-reports")]
internal sealed record QuotaReports(string Holder, QuotaReport[] Entries);

/// <summary>What a holder says of one key.</summary>
/// <param name="Key">The key: limit and key together.</param>
/// <param name="Limit">The limit as the holder knows it.</param>
/// <param name="Report">The report.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.quota-report")]
internal readonly record struct QuotaReport(QuotaKey Key, LimitTerms Limit, LeaseReport Report);

/// <summary>A limit's id and whose use it counts.</summary>
/// <param name="LimitId">The limit's id.</param>
/// <param name="Key">The key.</param>
[GenerateSerializer]
[Alias("tenfold.rate-limiter.quota-key")]
internal readonly record struct QuotaKey(string LimitId, string Key);

/// <summary>The regional aggregator of one bucket of keys; its key is <c>region/bucket</c>.</summary>
[Alias("tenfold.rate-limiter.regional-quota")]
internal interface IRegionalQuotaGrain : IGrainWithStringKey
{
    /// <summary>Answers reports, in order; null where one is older than another already seen.</summary>
    [Alias("report")]
    Task<LeaseGrant?[]> ReportAsync(QuotaReports reports);
}

/// <summary>The root of one bucket of keys.</summary>
[Alias("tenfold.rate-limiter.root-quota")]
internal interface IRootQuotaGrain : IGrainWithIntegerKey
{
    /// <summary>Answers reports, in order; null where one is older than another already seen.</summary>
    [Alias("report")]
    Task<LeaseGrant?[]> ReportAsync(QuotaReports reports);
}

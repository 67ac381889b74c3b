using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>RAT-8: the headers' grammar, read by a parser that nobody here wrote.</summary>
public sealed class HttpHeaderTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task An_independent_parser_of_structured_fields_reads_every_field()
    {
        await using var app = await HttpApp.StartAsync("""
            { "Rules": [
              { "Name": "per-minute", "Limits": [ { "Permits": 100, "Period": "1m", "Burst": 20 }, { "Name": "fast", "Permits": 7, "Period": "250ms" } ] },
              { "Name": "at-once", "Match": { "path": "/hello" }, "Limits": [ { "Algorithm": "concurrency", "Permits": 3 } ] } ] }
            """);
        var answer = await app.GetAsync("/hello");
        var headers = answer.Headers.ToDictionary(h => h.Key.ToLowerInvariant(), h => string.Join(", ", h.Value), StringComparer.Ordinal);

        using var parsed = JsonDocument.Parse(await RespTools.RunNodeAsync("structured-headers.mjs", JsonSerializer.Serialize(headers)));

        var policies = parsed.RootElement.GetProperty("policy");
        Assert.Equal(["per-minute", "per-minute/fast", "at-once"], policies.EnumerateArray().Select(p => p.GetProperty("name").GetString()!));
        Assert.Equal((100, 60), (policies[0].GetProperty("q").GetInt64(), policies[0].GetProperty("w").GetInt64()));
        Assert.Equal((28, 1), (policies[1].GetProperty("q").GetInt64(), policies[1].GetProperty("w").GetInt64()));
        Assert.Equal("concurrent-requests", policies[2].GetProperty("qu").GetString());
        var limits = parsed.RootElement.GetProperty("limit");
        Assert.Equal([19L, 6L, 2L], limits.EnumerateArray().Select(l => l.GetProperty("r").GetInt64()));
        Assert.Equal(1, limits[0].GetProperty("t").GetInt64());
    }

    [Fact]
    public void Retry_after_is_never_under_the_wait_nor_negative_nor_the_same_for_all()
    {
        foreach (var milliseconds in new[] { 0, 1, 999, 1000, 1001, 59_999, 3_600_000 })
        {
            var told = Enumerable.Range(0, 200).Select(i => RetryAfter.Seconds(Rejected($"id{i}", TimeSpan.FromMilliseconds(milliseconds)))!.Value).ToArray();
            Assert.All(told, s => Assert.InRange(s, Math.Max(1, (long)Math.Ceiling(milliseconds / 1000.0)), (long)Math.Ceiling(milliseconds / 1000.0 * 1.1) + 1));
            if (milliseconds > 30_000)
                Assert.True(told.Distinct().Count() > 3);
        }

        Assert.Null(RetryAfter.Seconds(Rejected("id", Timeout.InfiniteTimeSpan)));
    }

    [Theory]
    [InlineData("quo\"te\r\nX-Evil: 1")]
    [InlineData("ключ")]
    [InlineData("back\\slash")]
    public void A_limit_may_be_called_anything_and_the_header_stays_whole(string id)
    {
        var limit = Limit.Create(id, LimitAlgorithm.TokenBucket, long.MaxValue, TimeSpan.FromDays(1));
        var result = new LimitResult("r", limit, "k", 1, new LimitOutcome(true, long.MaxValue, TimeSpan.Zero, TimeSpan.FromTicks(1)), false, DecisionSource.Engine);
        var headers = new HeaderDictionary();
        HttpRateLimitHeaders.Write(headers, new RateLimitDecision("id", true, TimeSpan.Zero, [result]), new HttpEdgeOptions(), Now);
        Assert.Matches("^\"[ !#-\\[\\]-~]+\";q=\\d{1,15};w=86400$", headers["RateLimit-Policy"].ToString());
        Assert.Matches("^\"[ !#-\\[\\]-~]+\";r=999999999999999;t=1$", headers["RateLimit"].ToString());
    }

    [Theory]
    [InlineData(10, 50, 50, "50")]
    [InlineData(100, 20, 20, "100")]
    [InlineData(100, 100, 7, "100")]
    public void The_older_limit_is_never_less_than_what_is_left(long permits, long burst, long remaining, string told)
    {
        var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, permits, TimeSpan.FromMinutes(1), burst);
        var result = new LimitResult("r", limit, "k", 1, new LimitOutcome(true, remaining, TimeSpan.Zero, TimeSpan.Zero), false, DecisionSource.Engine);
        var headers = new HeaderDictionary();
        HttpRateLimitHeaders.Write(headers, new RateLimitDecision("id", true, TimeSpan.Zero, [result]), new HttpEdgeOptions(), Now);
        Assert.Equal(told, headers["X-RateLimit-Limit"]);
        Assert.True(long.Parse(headers["X-RateLimit-Limit"]!, CultureInfo.InvariantCulture) >= long.Parse(headers["X-RateLimit-Remaining"]!, CultureInfo.InvariantCulture));
        Assert.Equal($"\"l\";q={permits};w=60", headers["RateLimit-Policy"]);
    }

    [Fact]
    public void What_was_not_counted_is_not_told()
    {
        var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, 5, TimeSpan.FromSeconds(1));
        LimitResult Result(bool dryRun, DecisionSource source) => new("r", limit, "k", 1, new LimitOutcome(true, 0, TimeSpan.Zero, TimeSpan.Zero), dryRun, source);
        var headers = new HeaderDictionary();
        var decision = new RateLimitDecision(
            "id", true, TimeSpan.Zero, [Result(true, DecisionSource.Engine), Result(true, DecisionSource.LocalFallback), Result(false, DecisionSource.FailedOpen)]);
        HttpRateLimitHeaders.Write(headers, decision, new HttpEdgeOptions(), Now);
        Assert.Equal(["X-Tenfold-Decision"], headers.Keys);
    }

    private static RateLimitDecision Rejected(string id, TimeSpan retryAfter) => new(id, false, retryAfter, []);
}

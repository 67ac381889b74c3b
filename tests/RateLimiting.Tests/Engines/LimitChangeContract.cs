using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>
/// RAT-5: a limit that changes while hot, to and fro, in any of its numbers and in how it counts, forgets nothing of what was used and multiplies nothing.
/// </summary>
public abstract class LimitChangeContract
{
    private const LimitAlgorithm Bucket = LimitAlgorithm.TokenBucket;

    private static readonly LimitAlgorithm[] Rates =
        [Bucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter, LimitAlgorithm.SlidingWindowLog];

    private static readonly Gen<Limit> GenLimit = GenLimitOf(Gen.Int[0, 3].Select(i => Rates[i]), Gen.Frequency((2, Gen.Int[0, 3].Select(shift => 64 << shift)), (1, Gen.Int[50, 500])));

    /// <summary>Which of the limits is in force, what is asked for, and the milliseconds after it.</summary>
    private static readonly Gen<(int Version, long Cost, int Wait)[]> GenHistory = Gen.Select(
        Gen.Int[0, 2], Gen.Frequency((4, Gen.Const(1L)), (2, Gen.Long[1, 5]), (1, Gen.Long[5, 20])),
        Gen.Frequency((6, Gen.Const(0)), (4, Gen.Int[1, 20]), (2, Gen.Int[20, 100]), (1, Gen.Int[100, 600]))).Array[1, 150];

    private readonly FakeTimeProvider _time = RedisStores.Clock();

    private protected abstract int Iterations { get; }

    private protected abstract ILimitStore NewStore(FakeTimeProvider time);

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindowCounter)]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    public async Task A_limit_that_is_lowered_and_raised_200_times_admits_no_more_than_the_higher(LimitAlgorithm algorithm)
    {
        await using var store = NewStore(_time);
        var admitted = 0;
        for (var flip = 0; flip < 200; flip++)
        {
            var limit = Of(algorithm, flip % 2 == 0 ? 14 : 10);
            for (var i = 0; i < 3; i++)
                admitted += await AdmitsAsync(store, limit, 1) ? 1 : 0;
        }

        Assert.Equal(14, admitted);
    }

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    public async Task Units_that_come_back_between_changes_are_neither_lost_nor_doubled(LimitAlgorithm algorithm)
    {
        await using var store = NewStore(_time);
        const string Id = "returned";
        var admitted = 0;
        for (var flip = 0; flip < 200; flip++)
        {
            var limit = Of(algorithm, flip % 2 == 0 ? 14 : 10);
            if ((await store.HoldAsync($"{Id}-{flip}", limit, "k", 2, TimeSpan.FromMinutes(1))).Verdict == StoreVerdict.Admitted)
                Assert.Equal(SettleOutcome.Settled, await store.EndAsync($"{Id}-{flip}", 0));
            admitted += await AdmitsAsync(store, limit, 1) ? 1 : 0;
        }

        Assert.Equal(14, admitted);
    }

    [Fact]
    public async Task A_bucket_lowered_far_below_what_is_used_admits_again_when_the_old_limit_would_have()
    {
        await using var store = NewStore(_time);
        var high = Limit.Create("changed", Bucket, 1000, TimeSpan.FromMinutes(1));
        var low = Limit.Create("changed", Bucket, 10, TimeSpan.FromMinutes(1));
        Assert.True(await AdmitsAsync(store, high, 1000));
        var (verdict, outcome) = await store.AskAsync(low, "k");
        Assert.Equal((StoreVerdict.Rejected, 0), (verdict, outcome.Remaining));
        // 990 units at 1,000 a minute, then one at 10 a minute.
        Assert.Equal(TimeSpan.FromSeconds(59.4 + 6), outcome.RetryAfter);
        Assert.Equal(0, (await store.LookAsync(high, "k")).Remaining);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(low, "k")).Verdict);
        Assert.Equal(500, (await store.LookAsync(high, "k")).Remaining);
        Assert.Equal(TimeSpan.FromSeconds(29.4 + 6), (await store.AskAsync(low, "k")).Outcome.RetryAfter);
        _time.Advance(TimeSpan.FromSeconds(29.4 + 6));
        Assert.True(await AdmitsAsync(store, low, 1));
    }

    [Fact]
    public async Task A_sliding_counter_keeps_its_units_in_time_while_changes_divide_the_period_otherwise()
    {
        await using var store = NewStore(_time);
        // 8, 5, 6, 3 and 1 sub-windows.
        var limits = new[] { 100L, 1000, 200, 5000, 3_000_000 }.Select(permits => Of(LimitAlgorithm.SlidingWindowCounter, permits)).ToArray();
        _time.Advance(TimeSpan.FromMinutes(17));
        Assert.True(await AdmitsAsync(store, limits[0], 60));
        var used = 60L;
        for (var minute = 1; minute < 120; minute++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            foreach (var limit in limits.Take(4))
            {
                var now = limit.Permits - (await store.LookAsync(limit, "k")).Remaining;
                // No sub-window of these is longer than 20 minutes.
                Assert.InRange(now, minute < 40 ? 60 : 0, 60);
                used = now;
            }
        }

        Assert.Equal(0, used);
        Assert.True(await AdmitsAsync(store, limits[4], 60));
        _time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(40, (await store.LookAsync(limits[0], "k")).Remaining);
    }

    [Fact]
    public async Task A_limit_lowered_in_its_units_and_raised_in_its_rate_lets_go_at_the_new_rate()
    {
        await using var store = NewStore(_time);
        foreach (var before in Rates)
        {
            foreach (var after in Rates)
            {
                var slow = Limit.Create($"{before}-{after}", before, 10, TimeSpan.FromDays(1));
                var fast = Limit.Create(slow.Id, after, 2, TimeSpan.FromSeconds(1));
                Assert.True(await AdmitsAsync(store, slow, 10));
                Assert.False(await AdmitsAsync(store, fast, 1));
                _time.Advance(TimeSpan.FromSeconds(3));
                Assert.False(await AdmitsAsync(store, fast, 1), $"{before} to {after}: 10 units take 4 s at 2 a second");
                _time.Advance(TimeSpan.FromSeconds(4));
                Assert.True(await AdmitsAsync(store, fast, 1), $"{before} to {after}");
            }
        }
    }

    [Fact]
    public async Task Changes_of_any_kind_admit_at_most_the_greatest_burst_and_the_highest_rate() =>
        await Gen.Select(GenLimit.Array[3], GenHistory).SampleAsync(async input => await IsBoundedAsync(input.Item1, input.Item2), iter: Iterations, threads: 1);

    [Fact]
    public async Task A_bucket_under_changes_is_never_stricter_than_its_slowest_version() =>
        await Gen.Select(GenLimitOf(Gen.Const(Bucket), Gen.Int[64, 512]).Array[3], GenHistory).SampleAsync(
            async input => await IsFairAsync(input.Item1, input.Item2), iter: Iterations, threads: 1);

    /// <summary>The slow model: in every stretch of the history, no more than one full burst and what the fastest refill gives in that time.</summary>
    private async Task IsBoundedAsync(Limit[] limits, (int Version, long Cost, int Wait)[] history)
    {
        await using var store = NewStore(_time);
        var admitted = new List<(long At, long Cost)>();
        foreach (var (version, cost, wait) in history)
        {
            if (await AdmitsAsync(store, limits[version], cost))
                admitted.Add((_time.GetUtcNow().ToUnixTimeMilliseconds(), cost));
            _time.Advance(TimeSpan.FromMilliseconds(wait));
        }

        double most = limits.Max(limit => limit.Burst);
        var rate = limits.Max(limit => limit.Permits / limit.Period.TotalMilliseconds);
        // A sliding counter estimates to the nearest unit.
        most += limits.Any(limit => limit.Algorithm == LimitAlgorithm.SlidingWindowCounter) ? 0.5 : 0;
        for (var from = 0; from < admitted.Count; from++)
        {
            long sum = 0;
            for (var to = from; to < admitted.Count; to++)
            {
                sum += admitted[to].Cost;
                // A fixed window forgives all it counted at its edge: that is the algorithm.
                var forgiven = limits.Where(limit => limit.Algorithm == LimitAlgorithm.FixedWindow)
                    .Sum(limit => limit.Permits * (Window(limit, admitted[to].At) - Window(limit, admitted[from].At)));
                Assert.True(
                    sum <= most + forgiven + (rate * (admitted[to].At - admitted[from].At)) + 1e-6,
                    $"{sum} units in {admitted[to].At - admitted[from].At} ms under {string.Join(" | ", limits.AsEnumerable())}");
            }
        }

        // Nothing stays used for longer than the slowest version takes.
        _time.Advance(TimeSpan.FromMilliseconds(2000 * 20));
        foreach (var limit in limits)
            Assert.Equal(limit.Burst, (await store.LookAsync(limit, "k")).Remaining);
    }

    private static long Window(Limit limit, long milliseconds) => milliseconds / (long)limit.Period.TotalMilliseconds;

    private async Task IsFairAsync(Limit[] limits, (int Version, long Cost, int Wait)[] history)
    {
        await using var store = NewStore(_time);
        var rate = limits.Min(limit => limit.Permits / limit.Period.TotalMilliseconds);
        var used = 0.0;
        foreach (var (version, cost, wait) in history)
        {
            var isIn = await AdmitsAsync(store, limits[version], cost);
            Assert.True(isIn || used + cost > limits[version].Burst - 1e-6, $"{cost} rejected with {used} used under {string.Join(" | ", limits.AsEnumerable())}");
            used += isIn ? cost : 0;
            used = Math.Max(0, used - (rate * wait));
            _time.Advance(TimeSpan.FromMilliseconds(wait));
        }
    }

    private static Limit Of(LimitAlgorithm algorithm, long permits) => Limit.Create("flipped", algorithm, permits, TimeSpan.FromHours(1));

    private static async Task<bool> AdmitsAsync(ILimitStore store, Limit limit, long cost) =>
        (await store.AskAsync(limit, "k", cost)).Verdict == StoreVerdict.Admitted;

    private static Gen<Limit> GenLimitOf(Gen<LimitAlgorithm> algorithms, Gen<int> periods) =>
        from algorithm in algorithms
        from permits in Gen.Frequency((1, Gen.Long[1, 3]), (3, Gen.Long[1, 20]))
        from period in periods
        from burst in Gen.Long[1, 20]
        select Limit.Create("changed", algorithm, permits, TimeSpan.FromMilliseconds(period), algorithm == Bucket ? burst : null);
}

public sealed class EmbeddedLimitChangeTests : LimitChangeContract
{
    private protected override int Iterations => 2000;

    private protected override ILimitStore NewStore(FakeTimeProvider time) =>
        new EmbeddedLimitStore(new EmbeddedStoreOptions(), time, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
}

public sealed class RedisLimitChangeTests(RedisServerFixture fixture) : LimitChangeContract, IClassFixture<RedisServerFixture>
{
    private protected override int Iterations => 100;

    private protected override ILimitStore NewStore(FakeTimeProvider time) => RedisStores.Store(RedisStores.Options(fixture.Server, time));
}

public sealed class GarnetLimitChangeTests(GarnetServerFixture fixture) : LimitChangeContract, IClassFixture<GarnetServerFixture>
{
    private protected override int Iterations => 30;

    private protected override ILimitStore NewStore(FakeTimeProvider time) => RedisStores.Store(RedisStores.Options(fixture.Server, time));
}

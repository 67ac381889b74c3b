using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>What the scripts keep and answer, in virtual time (RAT-1, RAT-3), on redis-server and on Garnet.</summary>
public abstract class RedisStateTests(RespServer server)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly FakeTimeProvider _clock = RedisStores.Clock();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_bucket_is_exact_where_a_unit_takes_no_whole_microsecond()
    {
        await using var store = Store();
        var limit = Limit.Create("thirds", LimitAlgorithm.TokenBucket, 3, Second, burst: 2);
        Assert.Equal(new LimitOutcome(true, 1, TimeSpan.Zero, TimeSpan.FromMicroseconds(333_334)), (await store.AskAsync(limit, "a")).Outcome);
        Assert.True((await store.AskAsync(limit, "a")).Outcome.HasRoom);
        var (verdict, outcome) = await store.AskAsync(limit, "a");
        Assert.Equal(StoreVerdict.Rejected, verdict);
        Assert.Equal(TimeSpan.FromMicroseconds(333_334), outcome.RetryAfter);

        _clock.Advance(outcome.RetryAfter - TimeSpan.FromMicroseconds(1));
        Assert.False((await store.AskAsync(limit, "a")).Outcome.HasRoom);
        _clock.Advance(TimeSpan.FromMicroseconds(1));
        Assert.True((await store.AskAsync(limit, "a")).Outcome.HasRoom);

        // Three a second over ten thousand seconds: not one more, not one less.
        var admitted = 0;
        var start = _clock.GetUtcNow();
        for (var i = 1; i <= 300; i++)
        {
            _clock.SetUtcNow(start + TimeSpan.FromSeconds(i * 100.0 / 3) + TimeSpan.FromMicroseconds(1));
            while ((await store.AskAsync(limit, "b")).Outcome.HasRoom)
                admitted++;
        }

        Assert.Equal(600, admitted);
    }

    [Fact]
    public async Task A_step_back_of_the_clock_mints_nothing()
    {
        await using var store = Store();
        foreach (var algorithm in (LimitAlgorithm[])[LimitAlgorithm.TokenBucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter, LimitAlgorithm.SlidingWindowLog])
        {
            _clock.Advance(TimeSpan.FromHours(1));
            var limit = Limit.Create($"back-{algorithm}", algorithm, 5, Second);
            Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(limit, "a", 5)).Verdict);
            _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromMilliseconds(500));
            Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(limit, "a")).Verdict);
            _clock.AdjustTime(_clock.GetUtcNow() - TimeSpan.FromSeconds(30));
            Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(limit, "a")).Verdict);
        }
    }

    [Fact]
    public async Task A_sliding_log_lets_no_window_have_more_and_says_when_there_is_room()
    {
        await using var store = Store();
        var limit = Limit.Create("log", LimitAlgorithm.SlidingWindowLog, 10, Second);
        for (var i = 0; i < 10; i++)
        {
            Assert.True((await store.AskAsync(limit, "a")).Outcome.HasRoom);
            _clock.Advance(TimeSpan.FromMilliseconds(50));
        }

        // Half of the second is over: the first leaves in 500 ms, the third in 600.
        Assert.Equal(TimeSpan.FromMilliseconds(500), (await store.AskAsync(limit, "a")).Outcome.RetryAfter);
        Assert.Equal(TimeSpan.FromMilliseconds(600), (await store.AskAsync(limit, "a", 3)).Outcome.RetryAfter);
        _clock.Advance(TimeSpan.FromMilliseconds(600));
        var (verdict, outcome) = await store.AskAsync(limit, "a", 3);
        Assert.Equal(StoreVerdict.Admitted, verdict);
        Assert.Equal(0, outcome.Remaining);
    }

    [Fact]
    public async Task A_sliding_counter_lets_the_oldest_sub_windows_units_go_one_by_one()
    {
        await using var store = Store();
        var limit = Limit.Create("counter", LimitAlgorithm.SlidingWindowCounter, 10, Second);
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(limit, "a", 10)).Verdict);

        // Ten units in the first eighth of a second: they leave in the first eighth of the next, from 6.25 ms on, 12.5 ms apart.
        _clock.Advance(TimeSpan.FromMilliseconds(1025));
        var (verdict, outcome) = await store.AskAsync(limit, "a", 3);
        Assert.Equal(StoreVerdict.Rejected, verdict);
        Assert.Equal(2, outcome.Remaining);
        Assert.Equal(TimeSpan.FromMilliseconds(6.25), outcome.RetryAfter);
        _clock.Advance(outcome.RetryAfter);
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(limit, "a", 3)).Verdict);
    }

    [Fact]
    public async Task Several_limits_are_charged_together_or_not_at_all()
    {
        await using var store = Store();
        var user = Limit.Create("user", LimitAlgorithm.TokenBucket, 5, Second);
        var tenant = Limit.Create("tenant", LimitAlgorithm.FixedWindow, 7, TimeSpan.FromMinutes(1));
        var outcomes = new LimitOutcome[2];
        LimitCheck[] checks = [new(user, "u"), new(tenant, "t", 3)];
        Assert.Equal(StoreVerdict.Admitted, await store.AcquireAsync(checks, outcomes, Cancel));
        Assert.Equal(StoreVerdict.Admitted, await store.AcquireAsync(checks, outcomes, Cancel));
        Assert.Equal(StoreVerdict.Rejected, await store.AcquireAsync(checks, outcomes, Cancel));
        Assert.True(outcomes[0].HasRoom);
        Assert.False(outcomes[1].HasRoom);
        Assert.Equal(3, (await store.LookAsync(user, "u")).Remaining);
        Assert.Equal(1, (await store.LookAsync(tenant, "t")).Remaining);

        // Twice the same state in one decision counts twice.
        LimitCheck[] twice = [new(user, "w", 3), new(user, "w", 3)];
        Assert.Equal(StoreVerdict.Rejected, await store.AcquireAsync(twice, outcomes, Cancel));
        Assert.Equal(5, (await store.LookAsync(user, "w")).Remaining);
        twice = [new(user, "w", 3), new(user, "w", 2)];
        Assert.Equal(StoreVerdict.Admitted, await store.AcquireAsync(twice, outcomes, Cancel));
        Assert.Equal(0, (await store.LookAsync(user, "w")).Remaining);
    }

    [Fact]
    public async Task A_hold_returns_at_its_expiry_once_and_a_late_settlement_charges_all_the_same()
    {
        await using var store = Store();
        foreach (var algorithm in Enum.GetValues<LimitAlgorithm>())
        {
            _clock.Advance(TimeSpan.FromDays(1));
            var limit = Limit.Create($"hold-{algorithm}", algorithm, 10, TimeSpan.FromHours(1));
            var charged = algorithm == LimitAlgorithm.Concurrency ? 0 : 1;
            Assert.Equal(StoreVerdict.Admitted, (await store.HoldAsync($"r-{algorithm}", limit, "a", 6, TimeSpan.FromSeconds(10))).Verdict);
            var repeat = await store.HoldAsync($"r-{algorithm}", limit, "a", 6, TimeSpan.FromSeconds(10));
            Assert.Equal((StoreVerdict.Admitted, 4), (repeat.Verdict, repeat.Outcome.Remaining));
            Assert.Equal(StoreVerdict.Rejected, (await store.HoldAsync($"r2-{algorithm}", limit, "a", 6, TimeSpan.FromSeconds(10))).Verdict);
            Assert.Equal(SettleOutcome.Unknown, await store.EndAsync($"r2-{algorithm}", 6));

            _clock.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMicroseconds(1));
            Assert.Equal(4, (await store.LookAsync(limit, "a")).Remaining);
            _clock.Advance(TimeSpan.FromMicroseconds(1));
            Assert.Equal(10, (await store.LookAsync(limit, "a")).Remaining);
            Assert.Equal(SettleOutcome.SettledLate, await store.EndAsync($"r-{algorithm}", 5));
            Assert.Equal(10 - (5 * charged), (await store.LookAsync(limit, "a")).Remaining);
            Assert.Equal(SettleOutcome.AlreadySettled, await store.EndAsync($"r-{algorithm}", 5));
            Assert.Equal(10 - (5 * charged), (await store.LookAsync(limit, "a")).Remaining);
            _clock.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal(SettleOutcome.Unknown, await store.EndAsync($"r-{algorithm}", 5));
        }
    }

    [Fact]
    public async Task A_settlement_returns_the_hold_and_charges_the_actual_cost_with_its_weight()
    {
        await using var store = Store();
        var limit = Limit.Create("settle", LimitAlgorithm.TokenBucket, 100, TimeSpan.FromHours(1));
        var outcomes = new LimitOutcome[1];
        await store.ReserveAsync("w", new LimitCheck[] { new(limit, "a", 50, Hold: true, Weight: 5) }, outcomes, TimeSpan.FromMinutes(1), Cancel);
        Assert.Equal(50, outcomes[0].Remaining);
        Assert.Equal(SettleOutcome.Settled, await store.EndAsync("w", 3));
        Assert.Equal(85, (await store.LookAsync(limit, "a")).Remaining);

        // More than was held: the limit goes into debt, and admits again once it is paid.
        await store.HoldAsync("debt", limit, "b", 1, TimeSpan.FromMinutes(1));
        Assert.Equal(SettleOutcome.Settled, await store.EndAsync("debt", 150));
        var (verdict, outcome) = await store.AskAsync(limit, "b");
        Assert.Equal((StoreVerdict.Rejected, 0), (verdict, outcome.Remaining));
        Assert.Equal(TimeSpan.FromHours(0.51), outcome.RetryAfter);
    }

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket, 100, LimitAlgorithm.TokenBucket, 50, 10)]
    [InlineData(LimitAlgorithm.TokenBucket, 100, LimitAlgorithm.TokenBucket, 1000, 960)]
    [InlineData(LimitAlgorithm.TokenBucket, 100, LimitAlgorithm.TokenBucket, 20, 0)]
    [InlineData(LimitAlgorithm.TokenBucket, 100, LimitAlgorithm.SlidingWindowLog, 50, 10)]
    [InlineData(LimitAlgorithm.FixedWindow, 100, LimitAlgorithm.FixedWindow, 50, 10)]
    [InlineData(LimitAlgorithm.FixedWindow, 100, LimitAlgorithm.TokenBucket, 50, 10)]
    [InlineData(LimitAlgorithm.SlidingWindowLog, 100, LimitAlgorithm.SlidingWindowLog, 50, 10)]
    [InlineData(LimitAlgorithm.SlidingWindowLog, 100, LimitAlgorithm.SlidingWindowCounter, 50, 10)]
    [InlineData(LimitAlgorithm.SlidingWindowCounter, 100, LimitAlgorithm.FixedWindow, 50, 10)]
    public async Task A_changed_limit_keeps_what_was_used(LimitAlgorithm before, int permits, LimitAlgorithm after, int newPermits, int remaining)
    {
        await using var store = Store();
        var old = Limit.Create("changed", before, permits, TimeSpan.FromHours(1));
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(old, "a", 40)).Verdict);
        var limit = Limit.Create("changed", after, newPermits, TimeSpan.FromHours(1)).Replacing(old);
        Assert.Equal(remaining, (await store.LookAsync(limit, "a")).Remaining);
        Assert.Equal(remaining, (await store.LookAsync(limit, "a")).Remaining);
        _clock.Advance(TimeSpan.FromHours(3));
        Assert.Equal(newPermits, (await store.LookAsync(limit, "a")).Remaining);
    }

    [Fact]
    public async Task A_cost_over_the_burst_never_passes_and_a_cost_of_nothing_asks()
    {
        await using var store = Store();
        foreach (var algorithm in (LimitAlgorithm[])[LimitAlgorithm.TokenBucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter, LimitAlgorithm.SlidingWindowLog])
        {
            var limit = Limit.Create($"cost-{algorithm}", algorithm, 3, Second);
            var (verdict, outcome) = await store.AskAsync(limit, "a", 4);
            Assert.Equal((StoreVerdict.Rejected, Timeout.InfiniteTimeSpan, 3), (verdict, outcome.RetryAfter, outcome.Remaining));
            Assert.Equal(Timeout.InfiniteTimeSpan, (await store.AskAsync(limit, "a", long.MaxValue)).Outcome.RetryAfter);
            Assert.Equal((StoreVerdict.Admitted, 3), ((await store.AskAsync(limit, "a", 0)).Verdict, (await store.LookAsync(limit, "a")).Remaining));
            await store.AskAsync(limit, "a", 3);
            Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(limit, "a", 0)).Verdict);
        }
    }

    [Fact]
    public async Task Great_limits_and_long_periods_stay_exact()
    {
        await using var store = Store();
        var perYear = Limit.Create("year", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromDays(366), burst: 1000);
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(perYear, "a", 999)).Verdict);
        Assert.Equal((StoreVerdict.Admitted, 0), ((await store.AskAsync(perYear, "a")).Verdict, (await store.LookAsync(perYear, "a")).Remaining));
        Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(perYear, "a")).Verdict);

        var prime = Limit.Create("prime", LimitAlgorithm.TokenBucket, 1_000_003, TimeSpan.FromDays(30));
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(prime, "a", 1_000_002)).Verdict);
        Assert.Equal((StoreVerdict.Admitted, 0), ((await store.AskAsync(prime, "a")).Verdict, (await store.LookAsync(prime, "a")).Remaining));
        Assert.Equal(TimeSpan.FromMicroseconds(2_591_993), (await store.AskAsync(prime, "a")).Outcome.RetryAfter);

        var counter = Limit.Create("great", LimitAlgorithm.SlidingWindowCounter, Limit.MaxWindowPermits, TimeSpan.FromDays(366));
        Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(counter, "a", Limit.MaxWindowPermits - 1)).Verdict);
        Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(counter, "a", 2)).Verdict);
    }

    [Fact]
    public async Task Long_and_odd_keys_are_told_apart()
    {
        await using var store = Store();
        var limit = Limit.Create("a:b", LimitAlgorithm.TokenBucket, 1, Second);
        var other = Limit.Create("a", LimitAlgorithm.TokenBucket, 1, Second);
        var x = new string('x', 1 << 20);
        foreach (var (asked, key) in new[] { (limit, "c"), (other, "b:c"), (limit, x), (limit, x + "y"), (limit, ""), (limit, "{}"), (limit, "\ud800"), (limit, "\0") })
            Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(asked, key)).Verdict);
        // An unpaired surrogate counts as U+FFFD.
        Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(limit, "\ufffd")).Verdict);
        Assert.Equal(StoreVerdict.Rejected, (await store.AskAsync(limit, x)).Verdict);
    }

    [Fact]
    public async Task Concurrent_callers_share_calls_and_none_is_lost()
    {
        await using var store = Store();
        var limit = Limit.Create("shared", LimitAlgorithm.TokenBucket, 300, TimeSpan.FromHours(1));
        await store.AskAsync(limit, "warm");
        var calls = store.Statistics.Calls;
        var verdicts = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => store.AskAsync(limit, "a")));
        Assert.Equal(300, verdicts.Count(v => v.Verdict == StoreVerdict.Admitted));
        Assert.Equal(700, verdicts.Count(v => v.Verdict == StoreVerdict.Rejected));
        Assert.InRange(store.Statistics.Calls - calls, 1, 500);
    }

    [Fact]
    public async Task Requests_of_every_kind_in_one_call_are_each_answered_as_if_alone()
    {
        var keys = new string[] { "a", "b", "c" };
        var bucket = Limit.Create("kinds", LimitAlgorithm.TokenBucket, 7, TimeSpan.FromHours(1));
        var other = Limit.Create("others", LimitAlgorithm.TokenBucket, 5, TimeSpan.FromHours(1));
        var log = Limit.Create("logs", LimitAlgorithm.SlidingWindowLog, 6, TimeSpan.FromHours(1));
        var requests = Enumerable.Range(0, 120).Select(i => (LimitCheck[])((i % 10) switch
        {
            3 => [new(other, keys[i % 3])],
            5 => [new(bucket, keys[i % 3]), new(other, keys[i % 3])],
            7 => [new(bucket, keys[i % 3], 2)],
            9 => [new(log, keys[i % 3])],
            _ => [new(bucket, keys[i % 3])],
        })).ToArray();
        await using var together = Store();
        await using var alone = Store();
        await together.AskAsync(bucket, "warm");
        var calls = together.Statistics.Calls;
        var outcomes = requests.Select(request => new LimitOutcome[request.Length]).ToArray();
        var decisions = requests.Select((request, i) => together.AcquireAsync(request, outcomes[i], Cancel).AsTask()).ToArray();
        var verdicts = await Task.WhenAll(decisions);
        Assert.InRange(together.Statistics.Calls - calls, 1, 60);

        // One caller's requests leave in their order, whichever calls they share; so one by one they must be answered alike.
        for (var i = 0; i < requests.Length; i++)
        {
            var expected = new LimitOutcome[requests[i].Length];
            Assert.Equal(await alone.AcquireAsync(requests[i], expected, Cancel), verdicts[i]);
            Assert.Equal(expected, outcomes[i]);
        }
    }

    [Fact]
    public async Task A_bucket_is_kept_until_it_would_be_prolonged()
    {
        var options = RedisStores.Options(server, _clock);
        await using var store = RedisStores.Store(options);
        var limit = Limit.Create("kept", LimitAlgorithm.TokenBucket, 10, TimeSpan.FromSeconds(10));
        var key = $"{{{options.KeyPrefix}}}:k:4:kept:a";
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(StoreVerdict.Admitted, (await store.AskAsync(limit, "a")).Verdict);

            // In virtual time keys live an hour longer. Real seconds pass here too: a busy machine gets half a minute of them.
            var lives = TimeSpan.FromMilliseconds(long.Parse(await server.CommandAsync("PTTL", key))) - TimeSpan.FromHours(1);
            var prolonged = double.Parse(await server.CommandAsync(
                "EVAL", "return string.format('%.0f', (struct.unpack('<d', string.sub(redis.call('GET', KEYS[1]), -8))))", "1", key));
            var until = DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(prolonged) - _clock.GetUtcNow();
            Assert.InRange(lives, until - TimeSpan.FromSeconds(30), until + TimeSpan.FromSeconds(1));
        }
    }

    private protected RedisLimitStore Store() => RedisStores.Store(RedisStores.Options(server, _clock));
}

public sealed class RedisStateOnRedisTests(RedisServerFixture fixture) : RedisStateTests(fixture.Server), IClassFixture<RedisServerFixture>;

public sealed class RedisStateOnGarnetTests(GarnetServerFixture fixture) : RedisStateTests(fixture.Server), IClassFixture<GarnetServerFixture>;

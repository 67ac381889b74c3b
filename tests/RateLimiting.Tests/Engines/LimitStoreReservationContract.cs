using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>What every engine promises of reservations.</summary>
public abstract partial class LimitStoreContract
{
    [Theory, MemberData(nameof(Rates))]
    public async Task A_hold_takes_room_and_a_settlement_charges_what_was_used(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 10, Long);
        Assert.Equal((true, 4L), Room(await Reserve("r", limit, "a", 6)));
        Assert.Equal(4, (await Peek(limit, "a")).Remaining);
        Assert.False((await Acquire(limit, "a", 5)).HasRoom);
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 2));
        Assert.Equal(8, (await Peek(limit, "a")).Remaining);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_settlement_of_zero_refunds_all(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 10, Long);
        await Reserve("r", limit, "a", 10);
        Assert.False((await Acquire(limit, "a")).HasRoom);
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 0));
        Assert.Equal(10, (await Peek(limit, "a")).Remaining);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_settlement_above_the_hold_is_charged_into_debt(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 10, Long);
        await Reserve("r", limit, "a", 1);
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 25));
        var rejected = await Acquire(limit, "a");
        Assert.Equal((false, 0L), Room(rejected));
        Assert.InRange(rejected.RetryAfter, TimeSpan.FromTicks(1), 2 * Long);
    }

    [Fact]
    public async Task A_debt_is_paid_off_at_the_buckets_rate()
    {
        // Waits to the tick: where time is real, this is left to the same engine in virtual time.
        if (!TimeIsVirtual)
            return;
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 10, TimeSpan.FromSeconds(10));
        await Reserve("r", limit, "a", 1);
        await Settle("r", 25);
        Assert.Equal(TimeSpan.FromSeconds(16), (await Acquire(limit, "a")).RetryAfter);
        await AdvanceAsync(TimeSpan.FromSeconds(16));
        Assert.Equal((true, 0L), Room(await Acquire(limit, "a")));
    }

    [Fact]
    public async Task A_reservation_charges_checks_without_hold_for_good()
    {
        var requests = NewLimit(LimitAlgorithm.TokenBucket, 10, Long);
        var units = NewLimit(LimitAlgorithm.TokenBucket, 100, Long);
        LimitCheck[] checks = [Check(requests, "a"), Check(units, "a", 40, hold: true)];
        Assert.Equal(StoreVerdict.Admitted, await Store.ReserveAsync(Id("r"), checks, _outcomes, Long, Cancelled));
        Assert.Equal([(true, 9L), (true, 60L)], _outcomes[..2].Select(Room));
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 15));
        Assert.Equal(9, (await Peek(requests, "a")).Remaining);
        Assert.Equal(85, (await Peek(units, "a")).Remaining);
    }

    [Fact]
    public async Task A_settlement_charges_each_limit_by_its_weight()
    {
        var plain = NewLimit(LimitAlgorithm.TokenBucket, 100, Long);
        var fivefold = NewLimit(LimitAlgorithm.FixedWindow, 100, Long);
        LimitCheck[] checks = [Check(plain, "a", 4, hold: true), Check(fivefold, "a", 20, hold: true) with { Weight = 5 }];
        Assert.Equal(StoreVerdict.Admitted, await Store.ReserveAsync(Id("r"), checks, _outcomes, Long, Cancelled));
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 3));
        Assert.Equal(97, (await Peek(plain, "a")).Remaining);
        Assert.Equal(85, (await Peek(fivefold, "a")).Remaining);
    }

    [Fact]
    public async Task A_rejected_reservation_takes_nothing_and_is_not_remembered()
    {
        var narrow = NewLimit(LimitAlgorithm.TokenBucket, 1, Long);
        var wide = NewLimit(LimitAlgorithm.TokenBucket, 10, Long);
        LimitCheck[] checks = [Check(wide, "a", 3, hold: true), Check(narrow, "a", 2, hold: true)];
        Assert.Equal(StoreVerdict.Rejected, await Store.ReserveAsync(Id("r"), checks, _outcomes, Long, Cancelled));
        Assert.Equal([(true, 10L), (false, 1L)], _outcomes[..2].Select(Room));
        Assert.Equal(10, (await Peek(wide, "a")).Remaining);
        Assert.Equal(SettleOutcome.Unknown, await Settle("r", 1));
        Assert.True((await Reserve("r", wide, "a", 3)).HasRoom);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Repeating_a_reservation_takes_nothing_more(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 10, Long);
        for (var i = 0; i < 3; i++)
            Assert.True((await Reserve("r", limit, "a", 6)).HasRoom);
        Assert.Equal(4, (await Peek(limit, "a")).Remaining);
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 6));
        Assert.True((await Reserve("r", limit, "a", 6)).HasRoom);
        Assert.Equal(4, (await Peek(limit, "a")).Remaining);
    }

    [Fact]
    public async Task A_settlement_counts_once()
    {
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 10, Long);
        Assert.Equal(SettleOutcome.Unknown, await Settle("r", 1));
        await Reserve("r", limit, "a", 6);
        Assert.Equal(SettleOutcome.Settled, await Settle("r", 2));
        Assert.Equal(SettleOutcome.AlreadySettled, await Settle("r", 2));
        Assert.Equal(SettleOutcome.AlreadySettled, await Settle("r", 9));
        Assert.Equal(8, (await Peek(limit, "a")).Remaining);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task An_abandoned_hold_returns_once_and_late_work_is_charged(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 10, Long);
        var expiry = TimeSpan.FromMilliseconds(500);
        await Reserve("r", limit, "a", 6, expiry);
        await Reserve("s", limit, "a", 1);
        await AdvanceAsync(expiry);
        Assert.Equal(9, (await Peek(limit, "a")).Remaining);
        Assert.Equal(9, (await Peek(limit, "a")).Remaining);
        Assert.Equal(SettleOutcome.SettledLate, await Settle("r", 2));
        Assert.Equal(SettleOutcome.AlreadySettled, await Settle("r", 2));
        Assert.Equal(7, (await Peek(limit, "a")).Remaining);
        Assert.Equal(SettleOutcome.Settled, await Settle("s", 0));
        Assert.Equal(8, (await Peek(limit, "a")).Remaining);
    }

    [Fact]
    public async Task A_hold_lasts_to_the_tick()
    {
        // Real time cannot be stopped a tick early: there, this promise is left to the same engine in virtual time.
        if (!TimeIsVirtual)
            return;
        var limit = NewLimit(LimitAlgorithm.Concurrency, 1, default);
        await Reserve("r", limit, "a", 1, TimeSpan.FromSeconds(3));
        await AdvanceAsync(TimeSpan.FromSeconds(3) - TimeSpan.FromTicks(1));
        Assert.False((await Reserve("s", limit, "a", 1)).HasRoom);
        await AdvanceAsync(TimeSpan.FromTicks(1));
        Assert.True((await Reserve("s", limit, "a", 1)).HasRoom);
        Assert.Equal(SettleOutcome.SettledLate, await Settle("r", 1));
        Assert.False((await Reserve("t", limit, "a", 1)).HasRoom);
        await AdvanceAsync(TimeSpan.FromSeconds(3));
        Assert.Equal(SettleOutcome.Unknown, await Settle("r", 1));
    }

    [Fact]
    public async Task Concurrency_admits_the_limit_at_a_time()
    {
        var limit = NewLimit(LimitAlgorithm.Concurrency, 2, default);
        Assert.Equal((true, 1L), Room(await Reserve("r1", limit, "a", 1)));
        Assert.Equal((true, 0L), Room(await Reserve("r2", limit, "a", 1)));
        var full = await Reserve("r3", limit, "a", 1);
        Assert.Equal((false, 0L, Timeout.InfiniteTimeSpan), (full.HasRoom, full.Remaining, full.RetryAfter));
        Assert.False((await Peek(limit, "a")).HasRoom);
        Assert.Equal(SettleOutcome.Settled, await Settle("r1", 1));
        Assert.Equal((true, 0L), Room(await Reserve("r3", limit, "a", 1)));
        var never = await Reserve("r4", limit, "b", 3);
        Assert.Equal((false, 2L, Timeout.InfiniteTimeSpan), (never.HasRoom, never.Remaining, never.RetryAfter));
    }

    [Fact]
    public async Task A_changed_limit_keeps_what_is_held()
    {
        var before = NewLimit(LimitAlgorithm.Concurrency, 2, default);
        await Reserve("r1", before, "a", 2);
        var after = Limit.Create(before.Id, LimitAlgorithm.Concurrency, 3, default).Replacing(before);
        Assert.Equal((true, 0L), Room(await Reserve("r2", after, "a", 1)));
        Assert.Equal(SettleOutcome.Settled, await Settle("r1", 1));
        Assert.Equal(2, (await Peek(after, "a")).Remaining);
    }

    [Fact]
    public async Task Many_reservations_together_never_pass_a_concurrency_limit()
    {
        const int Callers = 8, Calls = 40, Permits = 3;
        var limit = NewLimit(LimitAlgorithm.Concurrency, Permits, default);
        var held = 0;
        var most = 0;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var outcome = new LimitOutcome[1];
            LimitCheck[] check = [Check(limit, "hot", 1, hold: true)];
            for (var i = 0; i < Calls; i++)
            {
                var id = Id($"{caller}-{i}");
                if (await Store.ReserveAsync(id, check, outcome, Long, Cancelled) != StoreVerdict.Admitted)
                    continue;
                InterlockedMax(ref most, Interlocked.Increment(ref held));
                Interlocked.Decrement(ref held);
                Assert.Equal(SettleOutcome.Settled, await Store.SettleAsync(id, 1, Cancelled));
            }
        })));
        Assert.InRange(most, 1, Permits);
        Assert.Equal(Permits, (await Peek(limit, "hot")).Remaining);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen;)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }

    private string Id(string id) => _prefix + id;

    private async Task<LimitOutcome> Reserve(string id, Limit limit, string key, long cost, TimeSpan? expiresAfter = null)
    {
        var outcome = new LimitOutcome[1];
        var verdict = await Store.ReserveAsync(Id(id), new[] { Check(limit, key, cost, hold: true) }, outcome, expiresAfter ?? Long, Cancelled);
        Assert.Equal(outcome[0].HasRoom ? StoreVerdict.Admitted : StoreVerdict.Rejected, verdict);
        return outcome[0];
    }

    private ValueTask<SettleOutcome> Settle(string id, long cost) => Store.SettleAsync(Id(id), cost, Cancelled);
}

using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>
/// What every engine promises. An engine's tests derive this class and say how to make a store and how to let time pass.
/// </summary>
/// <remarks>
/// A store may be shared by several tests (a server): each test counts under keys of its own. Where time is real, it goes on between two
/// calls: so tests that need it to stand still use long periods, and tests that need it to pass ask the store how long.
/// </remarks>
public abstract partial class LimitStoreContract : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);
    private readonly string _prefix = $"contract-{Guid.NewGuid():N}-";
    private readonly LimitOutcome[] _outcomes = new LimitOutcome[ILimitStore.MaxChecks];

    /// <summary>The algorithms that AcquireAsync takes.</summary>
    public static TheoryData<LimitAlgorithm> Rates =>
    [
        LimitAlgorithm.TokenBucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter, LimitAlgorithm.SlidingWindowLog,
    ];

    private protected ILimitStore Store { get; private set; } = null!;

    /// <summary>Whether time stands still until <see cref="AdvanceAsync"/>: then waits are checked to the tick.</summary>
    protected abstract bool TimeIsVirtual { get; }

    /// <summary>The smallest step of the store's clock.</summary>
    protected virtual TimeSpan Tick => TimeSpan.FromTicks(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Makes the store; it is disposed of after the test.</summary>
    private protected abstract ValueTask<ILimitStore> CreateAsync();

    /// <summary>Returns once the store's own clock has moved on by at least so much (exactly, where time is virtual).</summary>
    protected abstract ValueTask AdvanceAsync(TimeSpan time);

    public async ValueTask InitializeAsync() => Store = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await DisposeEngineAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends what <see cref="CreateAsync"/> started besides the store.</summary>
    protected virtual ValueTask DisposeEngineAsync() => ValueTask.CompletedTask;

    [Theory, MemberData(nameof(Rates))]
    public async Task Admits_the_limit_and_not_one_more(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 5, Long);
        for (var left = 4; left >= 0; left--)
        {
            var admitted = await Acquire(limit, "a");
            Assert.Equal((true, left, TimeSpan.Zero), (admitted.HasRoom, admitted.Remaining, admitted.RetryAfter));
            Assert.InRange(admitted.ResetAfter, TimeSpan.FromTicks(1), 2 * Long);
        }

        var rejected = await Acquire(limit, "a");
        Assert.False(rejected.HasRoom);
        Assert.Equal(0, rejected.Remaining);
        Assert.InRange(rejected.RetryAfter, TimeSpan.FromTicks(1), 2 * Long);
        Assert.InRange(rejected.ResetAfter, rejected.RetryAfter, 2 * Long);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Waiting_as_long_as_told_is_enough(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 3, TimeSpan.FromMilliseconds(900));
        var rejected = await AcquireUntilRejected(limit, "a");
        await AdvanceAsync(rejected.RetryAfter);
        Assert.True((await Acquire(limit, "a")).HasRoom);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Waiting_a_tick_less_is_not_enough(LimitAlgorithm algorithm)
    {
        // Real time cannot be stopped a tick early: there, this promise is left to the same engine in virtual time.
        if (!TimeIsVirtual)
            return;
        var limit = NewLimit(algorithm, 3, TimeSpan.FromMilliseconds(700));
        await AdvanceAsync(123_457 * Tick);
        var rejected = await AcquireUntilRejected(limit, "a");
        await AdvanceAsync(rejected.RetryAfter - Tick);
        var early = await Acquire(limit, "a");
        Assert.Equal((false, Tick), (early.HasRoom, early.RetryAfter));
        await AdvanceAsync(Tick);
        Assert.True((await Acquire(limit, "a")).HasRoom);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task After_the_reset_time_the_limit_is_as_if_unused(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 3, TimeSpan.FromMilliseconds(600));
        var rejected = await AcquireUntilRejected(limit, "a");
        await AdvanceAsync(rejected.ResetAfter);
        var peeked = await Peek(limit, "a", 3);
        Assert.Equal((true, 3L), (peeked.HasRoom, peeked.Remaining));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_cost_above_the_burst_never_passes(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 5, Long);
        var outcome = await Acquire(limit, "a", 6);
        Assert.Equal((false, 5L, Timeout.InfiniteTimeSpan), (outcome.HasRoom, outcome.Remaining, outcome.RetryAfter));
        Assert.Equal(0, (await Acquire(limit, "a", 5)).Remaining);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_cost_of_zero_asks_for_one_unit_and_takes_none(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 2, Long);
        for (var i = 0; i < 5; i++)
            Assert.Equal((true, 2L), Room(await Acquire(limit, "a", 0)));
        await Acquire(limit, "a", 2);
        var full = await Acquire(limit, "a", 0);
        Assert.False(full.HasRoom);
        Assert.InRange(full.RetryAfter, TimeSpan.FromTicks(1), 2 * Long);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Peeking_charges_nothing(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 2, Long);
        for (var i = 0; i < 5; i++)
            Assert.Equal((true, 2L), Room(await Peek(limit, "a", 2)));
        await Acquire(limit, "a", 2);
        Assert.Equal((false, 0L), Room(await Peek(limit, "a")));
    }

    [Fact]
    public async Task A_bucket_bursts_and_then_refills_at_its_rate()
    {
        var limit = Limit.Create(_prefix + "burst", LimitAlgorithm.TokenBucket, 3600, Long, burst: 3);
        for (var i = 0; i < 3; i++)
            Assert.True((await Acquire(limit, "a")).HasRoom);
        var rejected = await Acquire(limit, "a");
        Assert.InRange(rejected.RetryAfter, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1));
        Assert.InRange(rejected.ResetAfter, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(3));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Keys_and_limits_are_counted_apart(LimitAlgorithm algorithm)
    {
        var first = NewLimit(algorithm, 1, Long);
        var second = NewLimit(algorithm, 1, Long);
        Assert.True((await Acquire(first, "a")).HasRoom);
        Assert.True((await Acquire(first, "b")).HasRoom);
        Assert.True((await Acquire(second, "a")).HasRoom);
        Assert.False((await Acquire(first, "a")).HasRoom);
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Several_checks_are_all_charged_or_none(LimitAlgorithm algorithm)
    {
        var user = NewLimit(algorithm, 10, Long);
        var tenant = NewLimit(LimitAlgorithm.TokenBucket, 2, Long);
        var endpoint = NewLimit(LimitAlgorithm.FixedWindow, 5, Long);
        LimitCheck[] checks = [Check(user, "u"), Check(tenant, "t"), Check(endpoint, "e", 2)];
        Assert.Equal(StoreVerdict.Admitted, await Store.AcquireAsync(checks, _outcomes, Cancelled));
        Assert.Equal([(true, 9L), (true, 1L), (true, 3L)], _outcomes[..3].Select(Room));
        Assert.Equal(StoreVerdict.Admitted, await Store.AcquireAsync(checks, _outcomes, Cancelled));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(StoreVerdict.Rejected, await Store.AcquireAsync(checks, _outcomes, Cancelled));
            Assert.Equal([(true, 8L), (false, 0L), (false, 1L)], _outcomes[..3].Select(Room));
        }

        Assert.Equal(StoreVerdict.Rejected, await Store.PeekAsync(checks, _outcomes, Cancelled));
        Assert.Equal((true, 7L), Room(await Acquire(user, "u")));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task One_key_twice_in_a_call_counts_twice(LimitAlgorithm algorithm)
    {
        var limit = NewLimit(algorithm, 3, Long);
        LimitCheck[] twice = [Check(limit, "a", 2), Check(limit, "a", 2)];
        Assert.Equal(StoreVerdict.Rejected, await Store.AcquireAsync(twice, _outcomes, Cancelled));
        Assert.Equal(3, (await Peek(limit, "a")).Remaining);
        twice = [Check(limit, "a", 1), Check(limit, "a", 2)];
        Assert.Equal(StoreVerdict.Admitted, await Store.AcquireAsync(twice, _outcomes, Cancelled));
        Assert.Equal(0, (await Peek(limit, "a")).Remaining);
    }

    [Fact]
    public async Task Any_text_is_a_key()
    {
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 1, Long);
        var long1 = new string('x', 1 << 20);
        string[] keys =
        [
            "", " ", "a", "A", "\0", "a\0", "a:b", "a{b}", "ключ", "🔑", "🔑🔑", "\u00e9", "e\u0301", "日本", long1, long1 + "y", "y" + long1,
            new string('é', 200), new string('é', 201),
        ];
        foreach (var key in keys)
            Assert.True((await Acquire(limit, key)).HasRoom, $"first use of key {keys.IndexOf(key)}");
        foreach (var key in keys)
            Assert.False((await Acquire(limit, key)).HasRoom, $"second use of key {keys.IndexOf(key)}");
    }

    [Fact]
    public async Task Unpaired_surrogates_count_as_replacement_characters()
    {
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 1, Long);
        Assert.True((await Acquire(limit, "a\ud800b")).HasRoom);
        Assert.False((await Acquire(limit, "a\udc00b")).HasRoom);
        Assert.False((await Acquire(limit, "a\ufffdb")).HasRoom);
    }

    [Fact]
    public async Task Misuse_throws_and_charges_nothing()
    {
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 10, Long);
        var atOnce = NewLimit(LimitAlgorithm.Concurrency, 10, Long);
        var many = Enumerable.Repeat(Check(limit, "a"), ILimitStore.MaxChecks + 1).ToArray();
        var room = new LimitOutcome[many.Length];
        await Throws(() => Store.AcquireAsync(Array.Empty<LimitCheck>(), room, Cancelled));
        await Throws(() => Store.AcquireAsync(many, room, Cancelled));
        await Throws(() => Store.AcquireAsync(many.AsMemory(0, 2), room.AsMemory(0, 1), Cancelled));
        await Throws(() => Store.AcquireAsync(new[] { Check(limit, "a"), Check(limit, "a", -1) }, room, Cancelled));
        await Throws(() => Store.AcquireAsync(new[] { Check(limit, "a"), Check(atOnce, "a") }, room, Cancelled));
        await Throws(() => Store.AcquireAsync(new[] { Check(limit, "a"), new LimitCheck(null!, "a") }, room, Cancelled));
        await Throws(() => Store.AcquireAsync(new[] { Check(limit, "a"), new LimitCheck(limit, null!) }, room, Cancelled));
        await Throws(() => Store.PeekAsync(new[] { Check(limit, "a", long.MinValue) }, room, Cancelled));
        await Throws(() => Store.ReserveAsync("", many.AsMemory(0, 1), room, Long, Cancelled));
        await Throws(() => Store.ReserveAsync(new string('r', 129), many.AsMemory(0, 1), room, Long, Cancelled));
        await Throws(() => Store.ReserveAsync("r", many.AsMemory(0, 1), room, TimeSpan.Zero, Cancelled));
        await Throws(() => Store.ReserveAsync("r", many.AsMemory(0, 1), room, TimeSpan.FromDays(1.01), Cancelled));
        await Throws(() => Store.ReserveAsync("r", new[] { Check(limit, "a") with { Weight = -1 } }, room, Long, Cancelled));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.SettleAsync("r", -1, Cancelled));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Store.SettleAsync("", 1, Cancelled));
        Assert.Equal(10, (await Peek(limit, "a")).Remaining);

        static async Task Throws(Func<ValueTask<StoreVerdict>> call) =>
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await call());
    }

    [Fact]
    public async Task The_most_checks_in_one_call_are_decided_together()
    {
        var limit = NewLimit(LimitAlgorithm.TokenBucket, 1, Long);
        var checks = Enumerable.Range(0, ILimitStore.MaxChecks).Select(i => Check(limit, $"k{i}")).ToArray();
        Assert.Equal(StoreVerdict.Admitted, await Store.AcquireAsync(checks, _outcomes, Cancelled));
        Assert.Equal(StoreVerdict.Rejected, await Store.AcquireAsync(checks, _outcomes, Cancelled));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_changed_limit_keeps_what_was_used(LimitAlgorithm algorithm)
    {
        var before = NewLimit(algorithm, 10, Long);
        await Acquire(before, "a", 6);
        var more = Limit.Create(before.Id, algorithm, 20, Long).Replacing(before);
        Assert.Equal((true, 13L), Room(await Acquire(more, "a")));
        var less = Limit.Create(before.Id, algorithm, 8, Long).Replacing(more);
        Assert.Equal((true, 0L), Room(await Acquire(less, "a")));
        Assert.Equal((false, 0L), Room(await Acquire(less, "a")));
        Assert.Equal((true, 7L), Room(await Acquire(less, "b")));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task A_changed_algorithm_keeps_what_was_used(LimitAlgorithm algorithm)
    {
        var before = NewLimit(LimitAlgorithm.TokenBucket, 10, Long);
        await Acquire(before, "a", 6);
        var after = Limit.Create(before.Id, algorithm, 10, Long).Replacing(before);
        Assert.Equal((true, 3L), Room(await Acquire(after, "a")));
        var back = before.Replacing(after);
        Assert.Equal((true, 2L), Room(await Acquire(back, "a")));
    }

    [Theory, MemberData(nameof(Rates))]
    public async Task Many_callers_together_never_pass_the_limit(LimitAlgorithm algorithm)
    {
        const int Callers = 8, Calls = 100, Permits = 300;
        var limit = NewLimit(algorithm, Permits, Long);
        var admitted = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            var count = 0;
            var outcome = new LimitOutcome[1];
            LimitCheck[] check = [Check(limit, "hot")];
            for (var i = 0; i < Calls; i++)
                count += await Store.AcquireAsync(check, outcome, Cancelled) == StoreVerdict.Admitted ? 1 : 0;
            return count;
        })));
        Assert.Equal(Permits, admitted.Sum());
    }

    [Fact]
    public async Task Callers_with_the_same_keys_in_other_orders_do_not_block_each_other()
    {
        const int Callers = 8, Calls = 50, Permits = 100;
        var limit = NewLimit(LimitAlgorithm.TokenBucket, Permits, Long);
        string[] keys = ["a", "b", "c"];
        var admitted = await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var count = 0;
            var outcomes = new LimitOutcome[keys.Length];
            var checks = keys.Select((_, i) => Check(limit, keys[(i + caller) % keys.Length])).ToArray();
            for (var i = 0; i < Calls; i++)
                count += await Store.AcquireAsync(checks, outcomes, Cancelled) == StoreVerdict.Admitted ? 1 : 0;
            return count;
        })));
        Assert.Equal(Permits, admitted.Sum());
        foreach (var key in keys)
            Assert.Equal(0, (await Peek(limit, key)).Remaining);
    }

    private static (bool HasRoom, long Remaining) Room(LimitOutcome outcome) => (outcome.HasRoom, outcome.Remaining);

    private protected Limit NewLimit(LimitAlgorithm algorithm, long permits, TimeSpan period) =>
        Limit.Create(_prefix + Interlocked.Increment(ref _limits), algorithm, permits, period);

    private int _limits;

    private protected static LimitCheck Check(Limit limit, string key, long cost = 1, bool hold = false) => new(limit, key, cost, hold);

    private async Task<LimitOutcome> Acquire(Limit limit, string key, long cost = 1)
    {
        var outcome = new LimitOutcome[1];
        var verdict = await Store.AcquireAsync(new[] { Check(limit, key, cost) }, outcome, Cancelled);
        Assert.Equal(outcome[0].HasRoom ? StoreVerdict.Admitted : StoreVerdict.Rejected, verdict);
        return outcome[0];
    }

    private async Task<LimitOutcome> Peek(Limit limit, string key, long cost = 1)
    {
        var outcome = new LimitOutcome[1];
        var verdict = await Store.PeekAsync(new[] { Check(limit, key, cost) }, outcome, Cancelled);
        Assert.Equal(outcome[0].HasRoom ? StoreVerdict.Admitted : StoreVerdict.Rejected, verdict);
        return outcome[0];
    }

    private async Task<LimitOutcome> AcquireUntilRejected(Limit limit, string key)
    {
        for (var i = 0; i < 100_000; i++)
        {
            var outcome = await Acquire(limit, key);
            if (!outcome.HasRoom)
                return outcome;
        }

        throw new InvalidOperationException($"{limit} never rejected.");
    }
}

using System.Collections.Concurrent;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>What the embedded store promises beyond the contract: bounded memory that no stranger can use to reset a limit, no allocation, exactness under threads.</summary>
public sealed class EmbeddedLimitStoreTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 34, 56, TimeSpan.Zero));

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindowCounter)]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    public void A_flood_of_strange_keys_resets_nobody_and_takes_no_more_memory(LimitAlgorithm algorithm)
    {
        var store = NewStore(new EmbeddedStoreOptions { MaxKeys = 4096 });
        var limit = Limit.Create("l", algorithm, 3, Hour);
        for (var i = 0; i < 1000; i++)
        {
            for (var use = 0; use < 3; use++)
                Assert.True(store.TryAcquire($"victim-{i}", limit, 1, out _));
        }

        var admitted = 0;
        for (var i = 0; i < 200_000; i++)
            admitted += store.TryAcquire($"stranger-{i}", limit, 1, out _) ? 1 : 0;

        Assert.InRange(store.KeyCount, 1000, 4096);
        Assert.Equal(store.KeyCount, store.Size.Keys);
        Assert.InRange(store.Size.MemoryBytes, 32 * store.KeyCount, 4L * 32 * 4096);
        for (var i = 0; i < 1000; i++)
            Assert.False(store.TryAcquire($"victim-{i}", limit, 1, out _));

        // Strangers beyond the table share cells: all of them together get a few limits' worth.
        Assert.InRange(admitted, 3096, 4096 + (64 * 16 * 3));
        _time.Advance(2 * Hour);
        Assert.True(store.TryAcquire("stranger-199999", limit, 1, out _));
        Assert.True(store.TryAcquire("victim-1", limit, 1, out _));
    }

    [Fact]
    public void A_key_that_moves_from_a_shared_cell_to_the_table_takes_its_use_along()
    {
        var store = NewStore(new EmbeddedStoreOptions { MaxKeys = 1024 });
        var brief = Limit.Create("brief", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromMinutes(1));
        var daily = Limit.Create("daily", LimitAlgorithm.TokenBucket, 2, TimeSpan.FromDays(1));
        for (var i = 0; i < 5000; i++)
            store.TryAcquire($"filler-{i}", brief, 1, out _);

        // Full of live states: these are counted in cells.
        var used = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < 200; i++)
        {
            for (var use = 0; use < 3; use++)
                used[$"moved-{i}"] = used.GetValueOrDefault($"moved-{i}") + (store.TryAcquire($"moved-{i}", daily, 1, out _) ? 1 : 0);
        }

        _time.Advance(TimeSpan.FromMinutes(2));
        foreach (var key in used.Keys)
        {
            for (var use = 0; use < 3; use++)
                used[key] += store.TryAcquire(key, daily, 1, out _) ? 1 : 0;
            Assert.InRange(used[key], 0, 2);
        }
    }

    [Fact]
    public async Task Holds_in_a_full_store_return_where_they_were_taken()
    {
        var cancelled = TestContext.Current.CancellationToken;
        var store = NewStore(new EmbeddedStoreOptions { MaxKeys = 1024 });
        var fill = Limit.Create("fill", LimitAlgorithm.TokenBucket, 1, Hour);
        for (var i = 0; i < 5000; i++)
            store.TryAcquire($"filler-{i}", fill, 1, out _);
        var limit = Limit.Create("held", LimitAlgorithm.Concurrency, 2, default);
        var outcomes = new LimitOutcome[1];
        var open = new List<string>();
        for (var i = 0; i < 500; i++)
        {
            var check = new[] { new LimitCheck(limit, $"k{i}", 1, Hold: true) };
            if (await store.ReserveAsync($"r{i}", check, outcomes, Hour, cancelled) == StoreVerdict.Admitted)
                open.Add($"r{i}");
        }

        foreach (var id in open)
            Assert.Equal(SettleOutcome.Settled, await store.SettleAsync(id, 1, cancelled));
        _time.Advance(2 * Hour);
        for (var i = 0; i < 500; i++)
        {
            await store.PeekAsync(new[] { new LimitCheck(limit, $"k{i}") }, outcomes, cancelled);
            Assert.Equal(2, outcomes[0].Remaining);
        }
    }

    [Fact]
    public void States_equal_to_fresh_make_room()
    {
        var store = NewStore(new EmbeddedStoreOptions { MaxKeys = 2048 });
        var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, 1, TimeSpan.FromSeconds(1));
        for (var round = 0; round < 50; round++)
        {
            var admitted = 0;
            for (var i = 0; i < 1000; i++)
                admitted += store.TryAcquire($"{round}-{i}", limit, 1, out _) ? 1 : 0;
            Assert.InRange(admitted, 990, 1000);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public async Task Reservations_are_bounded_and_their_places_come_back()
    {
        var cancelled = TestContext.Current.CancellationToken;
        var store = NewStore(new EmbeddedStoreOptions { MaxReservations = 10 });
        var limit = Limit.Create("l", LimitAlgorithm.Concurrency, 1000, default);
        var check = new[] { new LimitCheck(limit, "k", 1, Hold: true) };
        var outcomes = new LimitOutcome[1];
        for (var i = 0; i < 10; i++)
            Assert.Equal(StoreVerdict.Admitted, await store.ReserveAsync($"r{i}", check, outcomes, TimeSpan.FromMinutes(1), cancelled));
        Assert.Equal(StoreVerdict.Rejected, await store.ReserveAsync("more", check, outcomes, TimeSpan.FromMinutes(1), cancelled));
        Assert.Equal((false, TimeSpan.FromMinutes(1)), (outcomes[0].HasRoom, outcomes[0].RetryAfter));
        _time.Advance(TimeSpan.FromMinutes(1));
        await store.PeekAsync(check, outcomes, cancelled);
        Assert.Equal(1000, outcomes[0].Remaining);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(StoreVerdict.Admitted, await store.ReserveAsync("more", check, outcomes, TimeSpan.FromMinutes(1), cancelled));
        Assert.Equal(1, store.ReservationCount);
    }

    [Fact]
    public void Deciding_allocates_nothing()
    {
        var store = NewStore(new EmbeddedStoreOptions());
        var other = new EmbeddedLimitStore(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, 10, Hour);
        var log = Limit.Create("log", LimitAlgorithm.SlidingWindowLog, 5, Hour);
        var keys = Enumerable.Range(0, 1000).Select(i => $"key-{i}-é").ToArray();
        var checks = new[] { new LimitCheck(limit, "a"), new LimitCheck(limit, "b"), new LimitCheck(log, "c") };
        var outcomes = new LimitOutcome[3];
        var verdict = StoreVerdict.Unavailable;
        for (var warm = 0; warm < 3; warm++)
            Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.NotEqual(StoreVerdict.Unavailable, verdict);

        static StoreVerdict Completed(ValueTask<StoreVerdict> call) => call.IsCompletedSuccessfully ? call.Result : StoreVerdict.Unavailable;

        void Run()
        {
            foreach (var key in keys)
            {
                store.TryAcquire(key, limit, 1, out _);
                store.TryAcquire("utf8"u8, limit, 1, out _);
                other.TryAcquire(key, limit, 1, out _);
                verdict = Completed(store.AcquireAsync(checks, outcomes));
                verdict = Completed(store.PeekAsync(checks, outcomes));
            }
        }
    }

    [Fact]
    public void Text_and_its_UTF_8_are_one_key() =>
        Gen.String.Sample(text =>
        {
            var hash = new EmbeddedKeyHash(0x0706050403020100, 0x0F0E0D0C0B0A0908);
            hash.Hash(1, text, out var low, out var high);
            hash.Hash(1, Encoding.UTF8.GetBytes(text), out var low8, out var high8);
            Assert.Equal((low8, high8), (low, high));
        });

    [Theory]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(1023)]
    [InlineData(2049)]
    [InlineData(1 << 20)]
    public void Long_keys_hash_alike_as_text_and_UTF_8(int length)
    {
        var text = string.Concat(Enumerable.Repeat("aé日🔑", (length / 5) + 1))[..length];
        var hash = new EmbeddedKeyHash(3, 4);
        hash.Hash(1, text, out var low, out var high);
        hash.Hash(1, Encoding.UTF8.GetBytes(text), out var low8, out var high8);
        Assert.Equal((low8, high8), (low, high));
        hash.Hash(2, text, out var other, out _);
        Assert.NotEqual(low, other);
    }

    [Fact]
    public void The_key_hash_is_SipHash() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Byte.Array[0, 100]).Sample((k0, k1, message) =>
        {
            new EmbeddedKeyHash(k0, k1).Hash(new UInt128(k1, k0), message, out var low, out var high);
            byte[] all = [.. BitConverter.GetBytes(k0), .. BitConverter.GetBytes(k1), .. message];
            Assert.Equal(PlainSipHash.Of(k0, k1, all, 1, 3), (low, high));
        });

    [Fact]
    public void The_plain_SipHash_of_these_tests_gives_the_published_vector()
    {
        // SipHash-2-4 with 128-bit output, key 00..0f, empty input: the reference implementation's first vector.
        var (low, high) = PlainSipHash.Of(0x0706050403020100, 0x0F0E0D0C0B0A0908, [], 2, 4);
        byte[] digest = [.. BitConverter.GetBytes(low), .. BitConverter.GetBytes(high)];
        Assert.Equal("A3817F04BA25A8E66DF67214C7550293", Convert.ToHexString(digest));
    }

    [Fact]
    public void The_table_agrees_with_a_dictionary_while_it_grows_and_forgets() =>
        Gen.Select(Gen.Int[1, 5], Gen.Select(Gen.Int[0, 400], Gen.Int[0, 3], Gen.Long[1, 4]).Array[1, 3000]).Sample(
            (seconds, steps) =>
            {
                var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
                var store = new EmbeddedLimitStore(new EmbeddedStoreOptions(), time, NullLoggerFactory.Instance);
                var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, 5, TimeSpan.FromSeconds(seconds));
                var models = new Dictionary<int, Algorithms.ExactModel>();
                foreach (var (key, pause, cost) in steps)
                {
                    time.Advance(TimeSpan.FromMilliseconds(pause * pause));
                    var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
                    if (!models.TryGetValue(key, out var model))
                        models[key] = model = Algorithms.ExactModel.Of(limit);
                    var expected = model.HasRoom(now, cost);
                    Assert.Equal(expected, store.TryAcquire($"k{key}", limit, cost, out var outcome));
                    if (expected)
                        model.Charge(now, cost);
                    Assert.Equal(model.Remaining(now), outcome.Remaining);
                }
            },
            iter: 30);

    [Fact]
    public async Task Threads_over_many_keys_admit_exactly_the_limit_of_each()
    {
        const int Keys = 5000, Permits = 7, Threads = 4;
        var store = NewStore(new EmbeddedStoreOptions());
        var limit = Limit.Create("l", LimitAlgorithm.TokenBucket, Permits, Hour);
        var log = Limit.Create("log", LimitAlgorithm.SlidingWindowLog, Permits, Hour);
        var admitted = new int[Keys];
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            var random = new SeededRandom((ulong)thread);
            for (var i = 0; i < Keys * Permits; i++)
            {
                var key = random.Next(Keys);
                if (store.TryAcquire($"k{key}", key % 2 == 0 ? limit : log, 1, out _))
                    Interlocked.Increment(ref admitted[key]);
            }
        })));
        for (var key = 0; key < Keys; key++)
        {
            while (store.TryAcquire($"k{key}", key % 2 == 0 ? limit : log, 1, out _))
                admitted[key]++;
            Assert.Equal(Permits, admitted[key]);
        }
    }

    [Fact]
    public async Task Reservations_by_many_threads_lose_and_double_nothing()
    {
        var store = NewStore(new EmbeddedStoreOptions());
        var units = Limit.Create("units", LimitAlgorithm.TokenBucket, 1_000_000, Hour);
        var places = Limit.Create("places", LimitAlgorithm.Concurrency, 5, default);
        var charged = new ConcurrentBag<long>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            var outcomes = new LimitOutcome[2];
            var checks = new[] { new LimitCheck(units, "u", 10, Hold: true), new LimitCheck(places, "p") };
            for (var i = 0; i < 2000; i++)
            {
                if (await store.ReserveAsync($"{thread}-{i}", checks, outcomes, Hour) != StoreVerdict.Admitted)
                    continue;
                Assert.Equal(SettleOutcome.Settled, await store.SettleAsync($"{thread}-{i}", i % 13));
                charged.Add(i % 13);
            }
        })));
        Assert.False(store.TryAcquire("u", units, 1_000_001, out var outcome));
        Assert.Equal(1_000_000 - charged.Sum(), outcome.Remaining);
        var peeked = new LimitOutcome[1];
        await store.PeekAsync(new[] { new LimitCheck(places, "p") }, peeked, TestContext.Current.CancellationToken);
        Assert.Equal(5, peeked[0].Remaining);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(1_000_000_000)]
    [InlineData(3_579_545)]
    public void The_clock_counts_nanoseconds_at_any_frequency(long frequency)
    {
        var time = new CountingTime(frequency);
        var clock = new EmbeddedClock(time);
        var start = clock.Now();
        Assert.Equal(DateTimeOffset.UnixEpoch.AddDays(1), DateTimeOffset.UnixEpoch.AddTicks(start / 100));
        time.Count += 10 * frequency;
        Assert.Equal(10_000_000_000, clock.Now() - start);
    }

    private EmbeddedLimitStore NewStore(EmbeddedStoreOptions options) => new(options, _time, NullLoggerFactory.Instance);

    private sealed class CountingTime(long frequency) : TimeProvider
    {
        public long Count { get; set; } = 12345;

        public override long TimestampFrequency => frequency;

        public override long GetTimestamp() => Count;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddDays(1);
    }
}

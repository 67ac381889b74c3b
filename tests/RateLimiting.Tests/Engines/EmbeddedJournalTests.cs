using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>RAT-1: what was acknowledged as durable is still counted after a restart, a kill, a torn write or a clock that was set.</summary>
public sealed class EmbeddedJournalTests : IDisposable
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private readonly TemporaryDirectory _folder = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 34, 56, TimeSpan.Zero));

    private string JournalPath => Path.Combine(_folder.Path, "limits", "limits.journal");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(LimitAlgorithm.TokenBucket)]
    [InlineData(LimitAlgorithm.FixedWindow)]
    [InlineData(LimitAlgorithm.SlidingWindowCounter)]
    [InlineData(LimitAlgorithm.SlidingWindowLog)]
    public async Task A_restart_keeps_what_was_used(LimitAlgorithm algorithm)
    {
        var limit = Limit.Create("daily", algorithm, 10, Day);
        await using (var store = NewStore(JournalDurability.Memory))
        {
            for (var i = 0; i < 500; i++)
            {
                store.TryAcquire($"k{i}", limit, 1 + (i % 3), out _);
                if (i % 100 == 0)
                    _time.Advance(TimeSpan.FromSeconds(1));
                store.TryAcquire($"k{i}", limit, 4, out _);
            }
        }

        await using var again = NewStore(JournalDurability.Memory);
        for (var i = 0; i < 500; i++)
            Assert.Equal(10 - 4 - 1 - (i % 3), await Remaining(again, limit, $"k{i}"));
        _time.Advance(2 * Day);
        Assert.Equal(10, await Remaining(again, limit, "k1"));
    }

    [Fact]
    public async Task A_restart_under_a_changed_limit_keeps_what_was_used()
    {
        await using (var store = NewStore(JournalDurability.Os))
            store.TryAcquire("k", Limit.Create("daily", LimitAlgorithm.TokenBucket, 10, Day), 6, out _);
        await using var again = NewStore(JournalDurability.Os);
        Assert.Equal(14, await Remaining(again, Limit.Create("daily", LimitAlgorithm.FixedWindow, 20, Day), "k"));
    }

    [Fact]
    public async Task Reservations_survive_with_their_expiry()
    {
        var limit = Limit.Create("units", LimitAlgorithm.TokenBucket, 100, Day);
        LimitCheck[] check = [new LimitCheck(limit, "k", 10, Hold: true, Weight: 2)];
        var outcomes = new LimitOutcome[1];
        await using (var store = NewStore(JournalDurability.Memory))
        {
            foreach (var id in new[] { "open", "settled", "brief" })
                await store.ReserveAsync(id, check, outcomes, id == "brief" ? TimeSpan.FromSeconds(10) : TimeSpan.FromHours(1), Cancelled);
            await store.SettleAsync("settled", 3, Cancelled);
        }

        await using var again = NewStore(JournalDurability.Memory);
        Assert.Equal(100 - 6 - 20, await Remaining(again, limit, "k"));
        Assert.Equal(SettleOutcome.AlreadySettled, await again.SettleAsync("settled", 3, Cancelled));
        Assert.Equal(StoreVerdict.Admitted, await again.ReserveAsync("open", check, outcomes, TimeSpan.FromHours(1), Cancelled));
        Assert.Equal(100 - 6 - 20, await Remaining(again, limit, "k"));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(100 - 6 - 10, await Remaining(again, limit, "k"));
        Assert.Equal(SettleOutcome.SettledLate, await again.SettleAsync("brief", 1, Cancelled));
        Assert.Equal(SettleOutcome.Settled, await again.SettleAsync("open", 0, Cancelled));
        Assert.Equal(100 - 6 - 2, await Remaining(again, limit, "k"));
    }

    [Theory]
    [InlineData(JournalDurability.Disk, 2)]
    [InlineData(JournalDurability.Os, 0)]
    [InlineData(JournalDurability.Memory, 0)]
    public async Task On_disk_a_journals_name_is_made_to_last_when_it_is_made_and_when_it_is_rewritten(JournalDurability durability, int times)
    {
        var limit = Limit.Create("daily", LimitAlgorithm.TokenBucket, 10_000_000, Day);
        var flushed = new List<(string Directory, bool IsNamed, bool IsRewriting)>();
        var options = new EmbeddedStoreOptions
        {
            JournalPath = JournalPath,
            JournalDurability = durability,
            JournalCompactAtBytes = 1 << 20,
            FlushDirectory = directory =>
            {
                DirectoryOnDisk.Flush(directory);
                flushed.Add((directory, File.Exists(JournalPath), File.Exists(JournalPath + ".new")));
            },
        };
        await using (var store = new EmbeddedLimitStore(options, _time, NullLoggerFactory.Instance))
        {
            // Each call is one frame of over 1,000 states at most: until it has been rewritten once.
            var checks = new LimitCheck[16];
            var outcomes = new LimitOutcome[16];
            for (var i = 0; i < 2500; i++)
            {
                for (var j = 0; j < checks.Length; j++)
                    checks[j] = new LimitCheck(limit, $"k{j}");
                Assert.Equal(StoreVerdict.Admitted, await store.AcquireAsync(checks, outcomes, Cancelled));
            }
        }

        Assert.Equal(times, flushed.Count);
        Assert.All(flushed, f => Assert.Equal((Path.GetDirectoryName(JournalPath), true, false), f));
    }

    [Fact]
    public void A_directory_that_is_not_there_is_a_fault() =>
        Assert.Throws<IOException>(() => DirectoryOnDisk.Flush(JournalPath + "-elsewhere"));

    [Fact]
    public async Task A_torn_tail_is_cut_wherever_it_tore()
    {
        var limit = Limit.Create("daily", LimitAlgorithm.TokenBucket, 10, Day);
        await using (var store = NewStore(JournalDurability.Os))
        {
            for (var i = 0; i < 3; i++)
                store.TryAcquire("k", limit, 1, out _);
        }

        var whole = await File.ReadAllBytesAsync(JournalPath, Cancelled);
        var before = 0L;
        for (var length = 0; length <= whole.Length; length++)
        {
            await File.WriteAllBytesAsync(JournalPath, whole[..length], Cancelled);
            await using (var store = NewStore(JournalDurability.Os))
            {
                var used = 10 - await Remaining(store, limit, "k");
                Assert.InRange(used, before, 3);
                before = used;
                store.TryAcquire("other", limit, 2, out _);
            }

            await using var again = NewStore(JournalDurability.Os);
            Assert.Equal((10 - before, 8L), (await Remaining(again, limit, "k"), await Remaining(again, limit, "other")));
        }

        Assert.Equal(3, before);
    }

    [Fact]
    public async Task A_flipped_bit_ends_the_journal_there_and_a_foreign_file_is_refused()
    {
        var limit = Limit.Create("daily", LimitAlgorithm.TokenBucket, 10, Day);
        await using (var store = NewStore(JournalDurability.Os))
        {
            store.TryAcquire("k", limit, 1, out _);
            store.TryAcquire("k", limit, 1, out _);
        }

        var bytes = await File.ReadAllBytesAsync(JournalPath, Cancelled);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(JournalPath, bytes, Cancelled);
        await using (var store = NewStore(JournalDurability.Os))
            Assert.Equal(9, await Remaining(store, limit, "k"));
        bytes[9] ^= 1;
        await File.WriteAllBytesAsync(JournalPath, bytes, Cancelled);
        var fault = Assert.Throws<TenfoldException>(() => NewStore(JournalDurability.Os));
        Assert.Contains(JournalPath, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wall_clock_set_back_while_down_mints_nothing()
    {
        var limit = Limit.Create("daily", LimitAlgorithm.FixedWindow, 10, TimeSpan.FromHours(1));
        await using (var store = NewStore(JournalDurability.Os))
            store.TryAcquire("k", limit, 10, out _);
        var earlier = new FakeTimeProvider(_time.GetUtcNow() - (3 * Day));
        await using var again = new EmbeddedLimitStore(Options(JournalDurability.Os), earlier, NullLoggerFactory.Instance);
        Assert.False(again.TryAcquire("k", limit, 1, out var outcome));
        Assert.InRange(outcome.RetryAfter, TimeSpan.FromTicks(1), TimeSpan.FromHours(1));
        earlier.Advance(outcome.RetryAfter);
        Assert.True(again.TryAcquire("k", limit, 1, out _));
    }

    [Fact]
    public async Task Admissions_in_memory_are_written_an_interval_later_and_nothing_runs_while_idle()
    {
        var limit = Limit.Create("daily", LimitAlgorithm.TokenBucket, 10, Day);
        await using var store = NewStore(JournalDurability.Memory);
        var empty = new FileInfo(JournalPath).Length;
        store.TryAcquire("k", limit, 1, out _);
        Assert.Equal(empty, new FileInfo(JournalPath).Length);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        var written = new FileInfo(JournalPath).Length;
        Assert.InRange(written, empty + 1, long.MaxValue);
        _time.Advance(Day);
        Assert.Equal(written, new FileInfo(JournalPath).Length);
    }

    [Fact]
    public async Task The_journal_stays_small_however_long_it_is_written()
    {
        var limit = Limit.Create("daily", LimitAlgorithm.TokenBucket, 1_000_000, Day);
        await using (var store = NewStore(JournalDurability.Os))
        {
            for (var i = 0; i < 60_000; i++)
                store.TryAcquire($"k{i % 50}", limit, 1, out _);
        }

        Assert.InRange(new FileInfo(JournalPath).Length, 1, (1 << 20) + 4096);
        await using var again = NewStore(JournalDurability.Os);
        for (var i = 0; i < 50; i++)
            Assert.Equal(1_000_000 - 1200, await Remaining(again, limit, $"k{i}"));
    }

    [Fact]
    public async Task What_was_acknowledged_survives_kill_9()
    {
        var counted = new long[EmbeddedJournalChild.Keys];
        long together = 0, logged = 0, charged = 0;
        var open = new List<string>();
        for (var round = 0; round < 6; round++)
        {
            string output;
            await using (var child = ChildProcess.Start(
                "dotnet", [typeof(EmbeddedJournalTests).Assembly.Location],
                new Dictionary<string, string>(StringComparer.Ordinal) { [EmbeddedJournalChild.Variable] = JournalPath }))
            {
                var lines = 200 * (1 << round);
                await Eventually.HoldsAsync(() => child.HasExited || child.LineCount >= lines, $"{lines} acknowledgements");
                Assert.False(child.HasExited, child.Output);
                child.Kill();
                await child.WaitForExitAsync();
                output = child.Output;
            }

            foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var (kind, rest) = (line[0], line.Length > 2 ? line[2..] : "");
                if (kind == 'A' && int.TryParse(rest, out var key))
                    (counted[key], together) = (counted[key] + 1, together + 1);
                else if (kind == 'L')
                    logged++;
                else if (kind == 'R')
                    open.Add(rest);
                else if (kind == 'S' && open.Remove(rest))
                    charged += 3;
            }

            await using var store = new EmbeddedLimitStore(EmbeddedJournalChild.OptionsFor(JournalPath), TimeProvider.System, NullLoggerFactory.Instance);

            // A kill a round: at most one decision of each kind was made and not acknowledged.
            var used = EmbeddedJournalChild.Held.Burst - await Remaining(store, EmbeddedJournalChild.Held, "all");
            Assert.InRange(used, together, together + 1);
            together = used;
            for (var i = 0; i < counted.Length; i++)
            {
                used = EmbeddedJournalChild.Yearly.Permits - await Remaining(store, EmbeddedJournalChild.Yearly, $"k{i}");
                Assert.InRange(used, counted[i], counted[i] + 1);
                counted[i] = used;
            }

            used = EmbeddedJournalChild.Logged.Permits - await Remaining(store, EmbeddedJournalChild.Logged, "log");
            Assert.InRange(used, logged, logged + 1);
            logged = used;
            used = EmbeddedJournalChild.Held.Burst - await Remaining(store, EmbeddedJournalChild.Held, "held");
            Assert.InRange(used, charged, charged + (5 * (open.Count + 1)));
            foreach (var id in open)
                Assert.Contains(await store.SettleAsync(id, 3, Cancelled), new[] { SettleOutcome.Settled, SettleOutcome.AlreadySettled });
            charged += 3 * open.Count;
            open.Clear();
            used = EmbeddedJournalChild.Held.Burst - await Remaining(store, EmbeddedJournalChild.Held, "held");

            // Besides what is settled now: at most one hold a round that nobody heard of.
            Assert.InRange(used, charged, charged + (5 * (round + 1)));
        }
    }

    private static async Task<long> Remaining(EmbeddedLimitStore store, Limit limit, string key)
    {
        var outcomes = new LimitOutcome[1];
        await store.PeekAsync(new[] { new LimitCheck(limit, key) }, outcomes, Cancelled);
        return outcomes[0].Remaining;
    }

    private EmbeddedStoreOptions Options(JournalDurability durability) => new()
    {
        JournalPath = JournalPath,
        JournalDurability = durability,
        JournalCompactAtBytes = 1 << 20,
    };

    private EmbeddedLimitStore NewStore(JournalDurability durability) => new(Options(durability), _time, NullLoggerFactory.Instance);
}

using Microsoft.Extensions.Time.Testing;

namespace Tenfold.Core.Tests;

public sealed class TimeOrderedIdsTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Ids_rise_tell_their_time_and_node_and_survive_a_clock_that_steps_back()
    {
        var time = new FakeTimeProvider(Start) { AutoAdvanceAmount = TimeSpan.FromMicroseconds(300) };
        var ids = new TimeOrderedIds(TimeOrderedIds.MaxNode, time);
        var last = 0L;
        for (var i = 0; i < 20_000; i++)
        {
            if (i == 10_000)
                time.AdjustTime(Start - TimeSpan.FromHours(1));
            var id = ids.Next();
            Assert.True(id > last);
            last = id;
        }

        Assert.Equal(TimeOrderedIds.MaxNode, TimeOrderedIds.NodeOf(last));
        Assert.InRange(TimeOrderedIds.TimeOf(last), Start, Start + TimeSpan.FromSeconds(10));
        Assert.Equal(last, ids.Last);
    }

    [Fact]
    public void A_restart_with_the_last_id_repeats_nothing()
    {
        var time = new FakeTimeProvider(Start);
        var before = new TimeOrderedIds(5, time);
        var last = 0L;
        for (var i = 0; i < 10_000; i++)
            last = before.Next();
        Assert.True(new TimeOrderedIds(5, time, last).Next() > last);
    }

    [Fact]
    public void Nodes_and_threads_never_share_an_id()
    {
        var time = new FakeTimeProvider(Start);
        TimeOrderedIds[] sources = [new(0, time), new(1, time)];
        var all = new long[4][];
        Parallel.For(0, 4, i => all[i] = [.. Enumerable.Range(0, 20_000).Select(_ => sources[i % 2].Next())]);
        Assert.Equal(80_000, all.SelectMany(x => x).Distinct().Count());
    }

    [Fact]
    public void A_node_number_out_of_range_is_a_fault() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new TimeOrderedIds(1024, TimeProvider.System));
}

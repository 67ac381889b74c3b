using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Tenfold.Time;

namespace Tenfold.Core.Tests.Time;

public sealed class HybridLogicalClockTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Random nodes, messages and clock jumps: every effect is after its cause, and no clock runs away from physical time.</summary>
    [Fact]
    public void Effects_come_after_causes_whatever_the_clocks_do() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[-40, 40]).Array[1, 300].Sample(
            steps =>
            {
                var skew = new StepClock[4];
                var clocks = new HybridLogicalClock[4];
                for (var i = 0; i < 4; i++)
                {
                    skew[i] = new StepClock(Start);
                    clocks[i] = new HybridLogicalClock(skew[i], TimeSpan.FromDays(1));
                }

                var last = new HybridTimestamp[4];
                var furthest = Start;
                foreach (var (from, to, jump) in steps)
                {
                    skew[from].Now += TimeSpan.FromMilliseconds(jump);
                    furthest = furthest > skew[from].Now ? furthest : skew[from].Now;
                    var sent = clocks[from].Now();
                    Assert.True(sent > last[from]);
                    last[from] = sent;
                    if (from == to)
                        continue;
                    var received = clocks[to].Receive(sent);
                    Assert.True(received > sent && received > last[to]);
                    last[to] = received;
                    Assert.True(received.UnixMilliseconds <= furthest.ToUnixTimeMilliseconds() + 1, "ran ahead of every physical clock");
                }
            });

    [Fact]
    public void A_clock_too_far_ahead_is_refused_and_changes_nothing()
    {
        var time = new FakeTimeProvider(Start);
        var clock = new HybridLogicalClock(time);
        var before = clock.Now();
        var fault = Assert.Throws<ClockDriftException>(
            () => clock.Receive(new HybridTimestamp(Start.ToUnixTimeMilliseconds() + 501, 0)));
        Assert.Equal(501, fault.Ahead.TotalMilliseconds);
        Assert.Equal(before.Value + 1, clock.Now().Value);
    }

    [Fact]
    public void Threads_never_get_one_timestamp_twice()
    {
        var clock = new HybridLogicalClock(new FakeTimeProvider(Start));
        var all = new HybridTimestamp[4][];
        Parallel.For(0, 4, i => all[i] = [.. Enumerable.Range(0, 20_000).Select(_ => clock.Now())]);
        Assert.Equal(80_000, all.SelectMany(x => x).Distinct().Count());
        Assert.All(all, mine => Assert.Equal(mine.Order(), mine));
    }

    [Fact]
    public void It_prints_for_people() =>
        Assert.Equal("2026-01-01T00:00:00.000Z+3", new HybridTimestamp(Start.ToUnixTimeMilliseconds(), 3).ToString());

    private sealed class StepClock(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

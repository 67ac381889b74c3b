using CsCheck;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Tests.Algorithms;

/// <summary>RAT-1: each algorithm against its exact model, over random traffic. A failure prints the seed that repeats it.</summary>
public sealed class LimitAlgorithmTests
{
    private const int Iterations = 1000;
    private const long Start = 1_770_000_000_000_000_000;

    private static readonly Gen<Limit> GenLimit =
        from algorithm in Gen.Int[0, 3].Select(i => (LimitAlgorithm)i)
        from permits in Gen.Frequency(
            (4, Gen.Long[1, 12]), (1, Gen.Long[1, 100_000]), (1, Gen.Long[1, algorithm == LimitAlgorithm.SlidingWindowCounter ? Limit.MaxWindowPermits : 1000]))
        from ticks in Gen.Frequency((3, Gen.Long[1, 50]), (2, Gen.Long[1, 100_000_000]), (1, Gen.Const(TimeSpan.FromDays(366).Ticks)))
        from burst in Gen.Long[1, 20]
        select Limit.Create("t", algorithm, permits, TimeSpan.FromTicks(ticks), algorithm == LimitAlgorithm.TokenBucket ? burst : null);

    /// <summary>Steps: how far time moves, in 1/64 of the period (so that edges are hit), a few nanoseconds more, and the cost.</summary>
    private static readonly Gen<(int Part, int Nanoseconds, long Cost)[]> GenTraffic =
        Gen.Select(
            Gen.Frequency((6, Gen.Int[0, 20]), (2, Gen.Const(64)), (1, Gen.Int[0, 300])),
            Gen.Frequency((3, Gen.Const(0)), (2, Gen.Int[0, 1]), (1, Gen.Int[0, 5000])),
            Gen.Frequency((6, Gen.Long[1, 3]), (1, Gen.Const(0L)), (1, Gen.Long[1, 200_000]))).Array[1, 60];

    [Fact]
    public void Each_decision_is_the_exact_models() =>
        Gen.Select(GenLimit, GenTraffic).Sample((limit, traffic) =>
        {
            var model = ExactModel.Of(limit);
            var slab = NewSlab();
            var state = default(LimitState);
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                now = Later(limit, now, part, nanoseconds);
                Assert.Equal(model.Remaining(now), Peek(limit, ref state, slab, now, 0).Remaining);
                var decision = LimitAlgorithms.Decide(limit.Terms, ref state, slab, now, cost, charge: true);
                Assert.Equal(model.HasRoom(now, Math.Max(1, cost)), decision.HasRoom);
                if (decision.HasRoom)
                    model.Charge(now, cost);
                Assert.Equal(model.Remaining(now), decision.Remaining);
                CheckWaits(limit, model, ref state, now, Math.Max(1, cost), decision);
            }
        }, iter: Iterations);

    [Fact]
    public void Work_already_done_is_charged_into_debt() =>
        Gen.Select(GenLimit, GenTraffic).Sample((limit, traffic) =>
        {
            var model = ExactModel.Of(limit);
            var slab = NewSlab();
            var state = default(LimitState);
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                now = Later(limit, now, part, nanoseconds);
                LimitAlgorithms.Charge(limit.Terms, ref state, slab, now, cost);
                model.Charge(now, cost);
                Assert.Equal(model.HasRoom(now, 1), Peek(limit, ref state, slab, now, 1).HasRoom);
                Assert.Equal(model.Remaining(now), Peek(limit, ref state, slab, now, 1).Remaining);
            }
        }, iter: Iterations);

    [Fact]
    public void A_clock_that_jumps_back_and_forth_mints_nothing() =>
        Gen.Select(GenLimit, Gen.Select(GenTraffic.Where(t => t.Length > 1), Gen.Int[-300, 300].Array[60])).Sample((limit, input) =>
        {
            var (traffic, jumps) = input;
            var model = ExactModel.Of(limit);
            var slab = NewSlab();
            var state = default(LimitState);
            // The latest instant that the state can know of: that of a charge. A log also forgets on looking, and notes no time then.
            var latest = long.MinValue;
            var clock = Start;
            var forgotten = long.MinValue;
            for (var i = 0; i < traffic.Length; i++)
            {
                clock = Later(limit, clock, traffic[i].Part, traffic[i].Nanoseconds);
                var now = i % 3 == 0 ? Later(limit, clock, jumps[i], 0) : clock;
                now = Math.Max(now, forgotten);
                if (traffic[i].Cost == 0)
                    continue;
                var decision = LimitAlgorithms.Decide(limit.Terms, ref state, slab, now, traffic[i].Cost, charge: true);
                if (!decision.HasRoom)
                {
                    forgotten = limit.Algorithm == LimitAlgorithm.SlidingWindowLog ? Math.Max(forgotten, now) : forgotten;
                    continue;
                }

                latest = Math.Max(latest, now);
                Assert.True(model.HasRoom(latest, traffic[i].Cost), "admitted what a clock that never stepped back would have rejected");
                model.Charge(latest, traffic[i].Cost);
            }
        }, iter: Iterations);

    [Fact]
    public void Held_units_take_room_until_they_are_charged() =>
        Gen.Select(GenLimit, GenTraffic, Gen.Long[0, 30]).Sample((limit, traffic, held) =>
        {
            var slab = NewSlab();
            var other = NewSlab();
            var state = default(LimitState);
            var plain = default(LimitState);
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                now = Later(limit, now, part, nanoseconds);
                state.Held = held;
                var decision = LimitAlgorithms.Decide(limit.Terms, ref state, slab, now, cost, charge: true);
                var room = Peek(limit, ref plain, other, now, Math.Max(1, cost) + held);
                Assert.Equal(room.HasRoom, decision.HasRoom);
                Assert.False(state.IsFresh(now) && held > 0);
                if (!decision.HasRoom)
                {
                    Assert.Equal(room.RetryAfter, decision.RetryAfter);
                    continue;
                }

                LimitAlgorithms.Charge(limit.Terms, ref plain, other, now, cost);
                Assert.Equal(Math.Max(0, Peek(limit, ref plain, other, now, 0).Remaining - held), decision.Remaining);
            }
        }, iter: Iterations);

    [Fact]
    public void A_changed_limit_neither_forgets_nor_multiplies_what_was_used() =>
        Gen.Select(GenLimit, GenLimit, GenTraffic).Sample((from, to, traffic) =>
        {
            // A period divided otherwise: the test below.
            if (from.Algorithm == LimitAlgorithm.SlidingWindowCounter && to.Algorithm == from.Algorithm && from.Period == to.Period)
                return;
            var slab = NewSlab();
            var state = default(LimitState);
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                now = Later(from, now, part, nanoseconds);
                LimitAlgorithms.Decide(from.Terms, ref state, slab, now, cost, charge: true);
            }

            var used = LimitAlgorithms.Used(from.Terms, ref state, slab, now);
            if (!LimitAlgorithms.TryRescale(from.Terms, to.Terms, ref state, slab, now))
            {
                // Still the old limit's, to the unit; the new one sees nothing but that there is no room, and for how long.
                Assert.True(used > to.Burst);
                Assert.Equal(used, LimitAlgorithms.Used(from.Terms, ref state, slab, now));
                var seen = LimitAlgorithms.Overdrawn(from.Terms, to.Terms, state, slab, now);
                var closed = Peek(to, ref seen, null, now, 1);
                Assert.Equal((false, 0), (closed.HasRoom, closed.Remaining));
                Assert.InRange(closed.RetryAfter, 1, Decision.Never - 1);
                Assert.InRange(LimitAlgorithms.Used(from.Terms, ref state, slab, now + closed.RetryAfter), 0, to.Burst);
                return;
            }

            var after = LimitAlgorithms.Used(to.Terms, ref state, slab, now);
            var logShrank = from.Algorithm == LimitAlgorithm.SlidingWindowLog && to.Algorithm == from.Algorithm && to.Period < from.Period;
            if (logShrank && used <= to.Burst)
                Assert.InRange(after, 0, used);
            else if (to.Algorithm == LimitAlgorithm.TokenBucket)
                Assert.Equal((long)Int128.Min(used, ((Int128)LimitTerms.MaxSpan * to.Permits / to.Terms.Period) + 1), after);
            else if (to.Algorithm == LimitAlgorithm.SlidingWindowCounter)
                Assert.Equal(Math.Min(used, (1L << to.Terms.CountBits) - 1), after);
            else
                Assert.Equal(used, after);
            var room = Peek(to, ref state, slab, now, 1);
            Assert.Equal(Math.Max(0, to.Burst - after), room.Remaining);
        }, iter: Iterations);

    [Fact]
    public void A_sliding_counter_admits_in_a_span_at_most_the_limit_and_its_share_of_the_limit() =>
        Gen.Select(Gen.Frequency((2, Gen.Long[1, 12]), (2, Gen.Long[1, 200]), (1, Gen.Long[1, 5000])), GenTraffic).Sample((permits, traffic) =>
        {
            var limit = Limit.Create("t", LimitAlgorithm.SlidingWindowCounter, permits, TimeSpan.FromSeconds(1));
            var state = default(LimitState);
            var admitted = new List<(long At, long Cost)>();
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                // Steps of an eighth as often as less, and as much as fits: so bursts meet the worst edges.
                now = Later(limit, now, part > 16 ? part : part / 4, nanoseconds);
                var fits = Math.Min(cost, Peek(limit, ref state, null, now, 0).Remaining);
                if (fits == 0)
                    continue;
                Assert.True(LimitAlgorithms.Decide(limit.Terms, ref state, null, now, fits, charge: true).HasRoom);
                admitted.Add((now, fits));
            }

            var (period, number) = (limit.Terms.Period, limit.Terms.SubWindows);
            for (var last = 0; last < admitted.Count; last++)
            {
                long sum = 0;
                for (var first = last; first >= 0 && admitted[last].At - admitted[first].At < period; first--)
                {
                    sum += admitted[first].Cost;
                    var span = admitted[last].At - admitted[first].At;
                    Assert.True((Int128)2 * sum * period <= ((Int128)2 * permits * (period + span)) + period, $"{sum} in {span} ns at {permits} a second");
                    Assert.True(span * number > period * (number - 1) || sum <= permits, $"{sum} in {span} ns at {permits} a second");
                }
            }
        }, iter: Iterations);

    [Fact]
    public void A_sliding_counter_divided_otherwise_forgets_no_unit_before_its_time_and_keeps_none_for_longer_than_two_periods() =>
        Gen.Select(Gen.Frequency((1, Gen.Long[1, 127]), (1, Gen.Long[128, 5000]), (1, Gen.Long[1, Limit.MaxWindowPermits])).Array[3], GenTraffic).Sample((permits, traffic) =>
        {
            var limits = permits.Select(p => Limit.Create("t", LimitAlgorithm.SlidingWindowCounter, p, TimeSpan.FromSeconds(1))).ToArray();
            var longest = limits.Max(limit => limit.Terms.Period / limit.Terms.SubWindows) + 1;
            var state = default(LimitState);
            var charged = new List<long>();
            var now = Start;
            var limit = limits[0];
            foreach (var (part, nanoseconds, _) in traffic)
            {
                var before = limit;
                now = Later(limit, now, part, nanoseconds);
                limit = limits[part % 3];
                Assert.True(LimitAlgorithms.TryRescale(before.Terms, limit.Terms, ref state, null, now));
                Assert.InRange(
                    LimitAlgorithms.Used(limit.Terms, ref state, null, now),
                    charged.Count(at => at > now - limit.Terms.Period + longest), charged.Count(at => at > now - (2 * limit.Terms.Period)));
                LimitAlgorithms.Charge(limit.Terms, ref state, null, now, 1);
                charged.Add(now);
            }
        }, iter: Iterations);

    [Fact]
    public void A_log_without_memory_errs_to_rejecting() =>
        Gen.Select(Gen.Long[1, 40], GenTraffic).Sample((permits, traffic) =>
        {
            var limit = Limit.Create("t", LimitAlgorithm.SlidingWindowLog, permits, TimeSpan.FromSeconds(1));
            var model = ExactModel.Of(limit);
            var slab = new LogSlab(new LogBudget(1));
            var state = default(LimitState);
            var now = Start;
            foreach (var (part, nanoseconds, cost) in traffic)
            {
                now = Later(limit, now, part, nanoseconds);
                var decision = LimitAlgorithms.Decide(limit.Terms, ref state, slab, now, cost, charge: true);
                if (!decision.HasRoom)
                    continue;
                Assert.True(model.HasRoom(now, cost));
                model.Charge(now, cost);
            }
        }, iter: Iterations);

    [Fact]
    public void The_greatest_numbers_do_not_overflow() =>
        Gen.Select(Gen.Long[1, long.MaxValue], Gen.Long[1, long.MaxValue], Gen.Long[1, Limit.MaxPeriod.Ticks], Gen.Long[0, long.MaxValue]).Sample((permits, burst, ticks, cost) =>
        {
            var limit = Limit.Create("t", LimitAlgorithm.TokenBucket, permits, TimeSpan.FromTicks(ticks), burst);
            var state = default(LimitState);
            var before = Peek(limit, ref state, null, Start, 1);
            Assert.InRange(before.Remaining, 1, burst);
            var decision = LimitAlgorithms.Decide(limit.Terms, ref state, null, Start, cost, charge: true);
            Assert.Equal(Math.Max(1, cost) <= limit.Terms.Burst, decision.HasRoom);
            Assert.InRange(decision.Remaining, 0, before.Remaining);
            LimitAlgorithms.Charge(limit.Terms, ref state, null, Start, long.MaxValue);
            LimitAlgorithms.Charge(limit.Terms, ref state, null, Start, long.MaxValue);
            Assert.InRange(state.FreshAt, Start, long.MaxValue);
            Assert.InRange(Peek(limit, ref state, null, Start, 1).ResetAfter, 0, long.MaxValue);
        }, iter: Iterations);

    private static Decision Peek(Limit limit, ref LimitState state, LogSlab? slab, long now, long cost) =>
        LimitAlgorithms.Decide(limit.Terms, ref state, slab, now, cost, charge: false);

    private static void CheckWaits(Limit limit, ExactModel model, ref LimitState state, long now, long cost, Decision decision)
    {
        Assert.Equal(decision.HasRoom, decision.RetryAfter == 0);
        Assert.Equal(cost > limit.Burst, decision.RetryAfter == Decision.Never);
        if (!decision.HasRoom && cost <= limit.Burst)
        {
            Assert.False(model.HasRoom(now + decision.RetryAfter - 1, cost));
            Assert.True(model.HasRoom(now + decision.RetryAfter, cost));
        }

        Assert.Equal(state.IsFresh(now), decision.ResetAfter == 0);
        Assert.Equal(limit.Burst, model.Remaining(now + decision.ResetAfter));
        Assert.True(state.IsFresh(now + decision.ResetAfter));
    }

    private static long Later(Limit limit, long now, int part, int nanoseconds) =>
        now + (long)((Int128)limit.Terms.Period * part / 64) + nanoseconds;

    private static LogSlab NewSlab() => new(new LogBudget(100_000));
}

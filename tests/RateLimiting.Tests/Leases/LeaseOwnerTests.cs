using CsCheck;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Tests.Leases;

public sealed class LeaseOwnerTests
{
    private const long Second = TimeSpan.TicksPerSecond;
    private static readonly LimitTerms Limit = new(LimitAlgorithm.TokenBucket, 1000, Second, 10_000);
    private static readonly LeaseTerms Terms = new(3 * Second, Second, 2 * Second, Second / 2, PartitionMode.Strict);

    /// <summary>RAT-4: within three rounds the grants follow weighted max-min fairness within 2 %.</summary>
    [Fact]
    public void Shares_converge_to_max_min_fairness_within_three_rounds() =>
        Gen.Select(Gen.Select(Gen.Double[1, 2000], Gen.Double[0.5, 4]).Array[2, 20], Gen.Select(Gen.Double[1, 2000], Gen.Double[0.5, 4]).Array[20])
            .Sample((before, after) =>
            {
                // The burst is drained first: fairness is about what is contended.
                var owner = new LeaseOwner(Terms, QuotaLedger.Create(Limit, 0, unknownBefore: 0), 1);
                var holders = before.Select((h, i) => new LeaseHolder(Terms, 1, h.Item2, 0)).ToArray();
                long now = 0;
                Rounds(owner, holders, [.. before.Select(h => h.Item1)], ref now, 4);

                // Then every demand changes at once.
                var demands = after.Take(holders.Length).Select(h => h.Item1).ToArray();
                Rounds(owner, holders, demands, ref now, 3);
                var exact = WaterFilling.Exact(Limit.Rate, demands, [.. before.Select(h => h.Item2)]);
                for (var i = 0; i < holders.Length; i++)
                    Assert.True(holders[i].Share >= (exact[i] * 0.98) - 1, $"holder {i}: share {holders[i].Share}, fair {exact[i]}");
                if (demands.Sum() > Limit.Rate)
                    Assert.All(holders, (holder, i) => Assert.InRange(holder.Share, (exact[i] * 0.98) - 1, (exact[i] * 1.02) + 1));

                // What they really get, once stocks from before are used up, is the share.
                Rounds(owner, holders, demands, ref now, 10);
                var got = Rounds(owner, holders, demands, ref now, 20);
                if (demands.Sum() > 1.1 * Limit.Rate)
                    Assert.All(got, (units, i) => Assert.InRange(units / 20.0, (exact[i] * 0.98) - 2, (exact[i] * 1.02) + 2));
            }, iter: 200);

    [Fact]
    public void A_restarted_holder_gets_no_second_lease_for_nothing()
    {
        var owner = new LeaseOwner(Terms, QuotaLedger.Create(Limit with { Burst = 100, Permits = 1 }, 0), 1);
        var other = new LeaseHolder(Terms, 1, 1, 0);
        var first = new LeaseHolder(Terms, 1, 1, 0);
        Ask(owner, "other", other, 0, 10);
        Ask(owner, "node", first, 0, 60);
        Assert.Equal(60, first.Held);

        // It dies and asks again at once: what the first life held stays charged until it has surely expired.
        var second = new LeaseHolder(Terms, 2, 1, Second);
        Ask(owner, "node", second, Second, 60);
        Assert.InRange(second.Held, 0, 31);
        Assert.True(owner.Ledger.Lent + owner.Ledger.Free(Second) <= 100);

        // Reports of the first life are void from then on.
        var late = first.Report(2 * Second, 60, 1);
        Assert.Null(owner.Handle(2 * Second, "node", late));
    }

    [Fact]
    public void Units_of_a_silent_holder_count_as_spent_after_its_lease_and_a_clock_step()
    {
        var owner = new LeaseOwner(Terms, QuotaLedger.Create(Limit with { Burst = 100, Permits = 1 }, 0), 1);
        var holder = new LeaseHolder(Terms, 1, 1, 0);
        Ask(owner, "node", holder, 0, 100);
        Assert.Equal(100, holder.Held);

        // The holder stops a step before its lease ends, the owner reclaims a step after.
        Assert.Equal(100, holder.Spendable((5 * Second / 2) - 1));
        Assert.Equal(0, holder.Spendable(5 * Second / 2));
        owner.Expire((7 * Second / 2) - 1);
        Assert.Equal(100, owner.Ledger.Lent);
        owner.Expire(7 * Second / 2);
        Assert.Equal(0, owner.Ledger.Lent);
        Assert.Equal(0, owner.Ledger.Free(7 * Second / 2));
        Assert.Equal(1, owner.Ledger.Free(9 * Second / 2));
    }

    [Fact]
    public void A_lost_answer_strands_nothing()
    {
        var owner = new LeaseOwner(Terms, QuotaLedger.Create(Limit with { Burst = 100, Permits = 1 }, 0), 1);
        var holder = new LeaseHolder(Terms, 1, 1, 0);
        var lost = owner.Handle(0, "node", holder.Report(0, 80, 1));
        Assert.Equal(80, lost!.Value.Units);
        holder.Abandon();
        Ask(owner, "node", holder, 1000, 80);
        Assert.Equal(80, holder.Held);
        Assert.Equal(20, owner.Ledger.Free(1000));

        // Should the lost answer come after all, it is void.
        Assert.False(holder.Apply(2000, lost.Value));
        Assert.Equal(80, holder.Held);
    }

    [Fact]
    public void A_holder_that_falls_idle_gives_its_units_back_within_a_round()
    {
        var owner = new LeaseOwner(Terms, QuotaLedger.Create(Limit, 0), 1);
        var holder = new LeaseHolder(Terms, 1, 1, 0);
        Ask(owner, "node", holder, 0, 5000);
        Assert.Equal(5000, holder.Held);
        Assert.Equal(Second, holder.NextReportAt());
        Ask(owner, "node", holder, Second, 0);
        Assert.Equal(0, holder.Held);
        Assert.Equal(0, owner.Ledger.Lent);
        Assert.True(holder.IsIdle);
        Assert.Equal(long.MaxValue, holder.NextReportAt());
    }

    [Fact]
    public void A_new_owner_grants_nothing_until_the_leases_of_the_lost_one_have_ended()
    {
        var before = new LeaseOwner(Terms, QuotaLedger.Create(Limit, 0), 1);
        var holder = new LeaseHolder(Terms, 1, 1, 0);
        Ask(before, "node", holder, 0, 5000);

        var learns = Terms.LearningPeriod;
        var after = new LeaseOwner(Terms, QuotaLedger.Create(Limit, 0, unknownBefore: learns), 2) { LearnsUntil = learns };
        Ask(after, "node", holder, Second, 9000);
        Assert.Equal(5000, holder.Held);
        Assert.Equal(0, holder.Spendable(5 * Second / 2));
        Ask(after, "node", holder, learns + Second, 9000);
        Assert.Equal(1000, holder.Held);

        // The lost owner is fenced: it cannot speak to a holder of a later epoch.
        var report = holder.Report(learns + Second + 1, 9000, 1);
        var zombie = before.Handle(learns + Second + 1, "node", report);
        Assert.False(holder.Apply(learns + Second + 1, zombie!.Value));
    }

    private static void Ask(LeaseOwner owner, string name, LeaseHolder holder, long now, long waiting)
    {
        var grant = owner.Handle(now, name, holder.Report(now, waiting, Math.Min(1, waiting)));
        Assert.NotNull(grant);
        holder.Apply(now, grant.Value);
    }

    private static long[] Rounds(LeaseOwner owner, LeaseHolder[] holders, double[] demands, ref long now, int rounds)
    {
        // Ten steps a round; a holder asks when it runs dry or its round is over, as a node does.
        const int Steps = 10;
        var got = new long[holders.Length];
        var debt = new double[holders.Length];
        for (var step = 0; step < rounds * Steps; step++)
        {
            now += Second / Steps;
            for (var i = 0; i < holders.Length; i++)
            {
                debt[i] += demands[i] / Steps;
                var count = (long)debt[i];
                debt[i] -= count;
                for (var k = 0; k < count; k++)
                {
                    holders[i].Offer(1);
                    if (holders[i].TrySpend(now, 1))
                        got[i]++;
                }

                if (now < holders[i].NextReportAt() && holders[i].IsKnown)
                    continue;
                if (owner.Handle(now, $"holder-{i}", holders[i].Report(now, 0, 0)) is { } grant)
                    holders[i].Apply(now, grant);
            }
        }

        return got;
    }
}

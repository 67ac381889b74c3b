using System.Globalization;
using CsCheck;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>RAT-9: what is remembered of decisions is bounded and right, and a replay counts what a live run counts.</summary>
public sealed class RuleWhyTests
{
    [Fact]
    public async Task The_ring_keeps_the_newest_rejections_and_why_has_their_numbers()
    {
        await using var host = new RuleHost("""
            { "Decisions": { "RejectedKept": 5, "AdmittedKept": 2 },
              "Rules": [ { "Name": "r", "Match": { "path": "/api/*" }, "Key": "user", "Limits": [ { "Permits": 3, "Period": "30s" } ] },
                         { "Name": "web", "Match": { "path": "/web/*" }, "Limits": [ { "Permits": 3, "Period": "30s" } ] } ] }
            """);
        var rejected = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            var decision = await host.AskAsync(1, ("path", "/api/x"), ("user", "bob"));
            if (!decision.Admitted)
                rejected.Add(decision.Id);
        }

        Assert.Equal(17, rejected.Count);
        Assert.Equal(rejected[^5..].AsEnumerable().Reverse(), host.Observer.Log.Newest(50, rejectedOnly: true).Select(r => r.Decision.Id));
        Assert.Equal(7, host.Observer.Log.Newest(50, rejectedOnly: false).Count);
        Assert.Null(host.Observer.Log.Find(rejected[0]));
        var why = host.Observer.Log.Find(rejected[^1])!.Explain();
        Assert.True(why.Rules[0].Matched);
        Assert.Contains("allows 3 per 30s (token-bucket) for 'bob': no room, 0 left for cost 1: passes in 10 s", why.Rules[0].Reason, StringComparison.Ordinal);
        Assert.Equal(new RuleExplanation("web", false, "path = '/api/x' does not meet '/web/*'"), why.Rules[1]);
    }

    [Fact]
    public void Space_saving_never_counts_too_low_and_errs_by_at_most_the_total_over_its_capacity() => Gen.Select(Gen.Int[1, 16], Gen.Select(Gen.Int[0, 60], Gen.Int[0, 60], Math.Min).Array[0, 600]).Sample(
        (capacity, keys) =>
        {
            var sketch = new SpaceSaving(capacity);
            foreach (var key in keys)
                sketch.Add("r", key.ToString(CultureInfo.InvariantCulture), 1, rejected: key % 2 == 0);
            var exact = keys.CountBy(k => k.ToString(CultureInfo.InvariantCulture)).ToDictionary();
            var counters = sketch.Counters.ToArray();
            Assert.True(counters.Length <= capacity);
            Assert.Equal(keys.Length, counters.Sum(c => c.Count));
            foreach (var counter in counters)
            {
                Assert.InRange(exact[counter.Key], counter.Count - counter.Error, counter.Count);
                Assert.True(counter.Error <= keys.Length / capacity);
                Assert.True(counter.Rejected <= exact[counter.Key]);
            }

            // Whatever makes up more than a capacity-th of the stream is among them.
            Assert.All(exact.Where(e => e.Value > (double)keys.Length / capacity), e => Assert.Contains(counters, c => c.Key == e.Key));
        },
        iter: 1000);

    [Fact]
    public Task A_replay_against_changed_rules_counts_what_a_live_run_counts() => Gen.Select(
        Gen.Int[1, 5], Gen.Int[1, 5], Gen.Select(Gen.Int[0, 2000], RuleHost.Any("u1", "u2", "u3"), Gen.Long[0, 3]).Array[1, 60]).SampleAsync(
        async (before, after, steps) =>
        {
            await using var recorded = new RuleHost(Rules(before, record: true));
            await using var live = new RuleHost(Rules(after, record: false));
            var (admittedBefore, admittedAfter) = (0, 0);
            foreach (var (milliseconds, user, cost) in steps)
            {
                recorded.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                live.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                admittedBefore += (await recorded.AskAsync(cost, ("user", user))).Admitted ? 1 : 0;
                admittedAfter += (await live.AskAsync(cost, ("user", user))).Admitted ? 1 : 0;
            }

            var result = await recorded.Get<TrafficReplay>().RunAsync(
                recorded.Observer.Recorder.Read(), recorded.Observer.Recorder.Began, live.Current.Current, TestContext.Current.CancellationToken);

            Assert.Equal(new ReplayCount(admittedBefore, steps.Length - admittedBefore), result.Before);
            Assert.Equal(new ReplayCount(admittedAfter, steps.Length - admittedAfter), result.After);
            Assert.Equal(admittedAfter - admittedBefore, result.NewlyAdmitted - result.NewlyRejected);
        },
        iter: 40);

    [Fact]
    public async Task A_recording_stays_within_its_bounds()
    {
        await using var host = new RuleHost("""{ "Recording": { "Enabled": true, "MaxRequests": 1000000, "MaxBytes": 65536 } }""");
        for (var i = 0; i < 10_000; i++)
            await host.AskAsync(1, ("user", new string('x', 500)));

        var kept = host.Observer.Recorder.Read().Count;
        Assert.InRange(kept, 10, 60);
        Assert.Equal(10_000, kept + host.Observer.Recorder.Dropped);
    }

    private static string Rules(int permits, bool record) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        { "Recording": { "Enabled": {{(record ? "true" : "false")}} },
          "Rules": [ { "Name": "r", "Key": "user", "Limits": [ { "Permits": {{permits}}, "Period": "3s" }, { "Permits": {{permits * 2}}, "Period": "10s", "Algorithm": "sliding-window-log" } ] },
                     { "Name": "all", "Limits": [ { "Permits": {{permits * 3}}, "Period": "5s", "Algorithm": "sliding-window-counter" } ] } ] }
        """);
}

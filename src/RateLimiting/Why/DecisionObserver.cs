using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Why;

/// <summary>Sees every decision: counts it, and keeps what <c>why</c>, the live page and a replay need.</summary>
/// <remarks>Thread-safe without locks; cost on the hot path is a few atomic additions, and a record where one is kept.</remarks>
internal sealed class DecisionObserver(IOptions<RateLimitingOptions> options, TimeProvider time)
{
    // Above this many decisions a second only one in so many is looked at for the busiest keys.
    private const int SampleAbove = 2000;
    private const int SampleEvery = 16;

    private readonly int _admittedPerSecond = options.Value.Decisions.AdmittedPerSecond;
    private long _admitted;
    private long _rejected;
    private long _unavailable;
    private long _directAdmitted;
    private long _directRejected;
    private long _second;
    private long _seenBySecond;
    private long _keptThisSecond;
    private int _sampleEvery = 1;

    public DecisionLog Log { get; } = new(options.Value.Decisions);

    public TopKeys TopKeys { get; } = new(time);

    public LatencyHistogram Latency { get; } = new();

    public TrafficRecorder Recorder { get; } = new(options.Value.Recording, time);

    /// <summary>What limits that came with requests did.</summary>
    public RuleCounters Inline { get; } = new();

    /// <summary>Decisions that admitted: by rules, and direct ones.</summary>
    public long Admitted => Volatile.Read(ref _admitted) + Volatile.Read(ref _directAdmitted);

    /// <summary>Decisions that rejected: by rules, and direct ones.</summary>
    public long Rejected => Volatile.Read(ref _rejected) + Volatile.Read(ref _directRejected);

    /// <summary>Decisions that the engine could not be asked for.</summary>
    public long Unavailable => Volatile.Read(ref _unavailable);

    /// <summary>Takes note of one decision.</summary>
    public void Observe(PendingDecision work, int request, RateLimitDecision decision, IAttributes attributes, long cost, long started)
    {
        var seen = decision.Admitted ? Interlocked.Increment(ref _admitted) + Volatile.Read(ref _rejected) : Interlocked.Increment(ref _rejected) + Volatile.Read(ref _admitted);
        Latency.Record(time.GetElapsedTime(started));
        Turn(started / time.TimestampFrequency, seen);
        CountRules(work, request, decision.Admitted, seen % Volatile.Read(ref _sampleEvery) == 0);
        if (!decision.Admitted || Interlocked.Increment(ref _keptThisSecond) <= _admittedPerSecond)
            Log.Add(new DecisionRecord(work.Rules, decision, attributes.ToDictionary(), cost, time.GetUtcNow()));
        if (Recorder.Enabled)
            Recorder.Record(attributes.ToDictionary(), cost);
    }

    /// <summary>
    /// Adds decisions that named their limit themselves and went straight to the engine (<c>CL.THROTTLE</c>). Counted only: they met no rule, and
    /// are too many to be looked at one by one.
    /// </summary>
    public void ObserveDirect(int admitted, int rejected, int unavailable)
    {
        if (admitted > 0)
            Interlocked.Add(ref _directAdmitted, admitted);
        if (rejected > 0)
            Interlocked.Add(ref _directRejected, rejected);
        if (unavailable > 0)
            Interlocked.Add(ref _unavailable, unavailable);
    }

    private void CountRules(PendingDecision work, int request, bool admitted, bool sample)
    {
        var entries = work.Entries;
        var unavailable = false;
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Request != request)
                continue;
            var (rule, dryRun) = (entries[i].Rule, entries[i].DryRun);
            var (room, away) = (true, false);
            var first = entries[i];
            // A rule's limits stand together: it is counted once.
            for (; i < entries.Count && entries[i].Request == request && ReferenceEquals(entries[i].Rule, rule); i++)
            {
                room &= entries[i].Group.Outcomes[entries[i].At].HasRoom;
                away |= entries[i].Group.Sources[entries[i].At] != DecisionSource.Engine;
            }

            i--;
            unavailable |= away;
            // A rule that had room in a request that another denied neither admitted nor rejected it.
            if (admitted || !room)
                (rule?.Counters ?? Inline).Count(room, dryRun, away);
            if (sample)
                TopKeys.Add(first.RuleName, first.Key, Volatile.Read(ref _sampleEvery), !room);
        }

        if (unavailable)
            Interlocked.Increment(ref _unavailable);
    }

    private void Turn(long second, long seen)
    {
        var last = Volatile.Read(ref _second);
        if (second <= last || Interlocked.CompareExchange(ref _second, second, last) != last)
            return;
        var rate = (seen - Interlocked.Exchange(ref _seenBySecond, seen)) / Math.Max(1, second - last);
        Volatile.Write(ref _sampleEvery, rate > SampleAbove ? SampleEvery : 1);
        Volatile.Write(ref _keptThisSecond, 0);
    }
}

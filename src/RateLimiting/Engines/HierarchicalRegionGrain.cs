using System.Globalization;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// The regional aggregator of one bucket: leases from the root, lends to nodes. A timer runs only while it holds or lends units.
/// </summary>
/// <remarks>Reentrant: while it waits for the root, it goes on answering from what it has. State changes only between awaits.</remarks>
[Reentrant]
internal sealed partial class HierarchicalRegionGrain(HierarchyOptions options, HierarchicalSite site, ILogger<HierarchicalRegionGrain> logger)
    : Grain, IRegionalQuotaGrain
{
    private readonly Dictionary<QuotaKey, Aggregate> _aggregates = [];
    private readonly long _life = site.Clock.Now;
    private IRootQuotaGrain? _root;
    private IGrainTimer? _timer;
    private string _name = "";
    private long _rootFailedAt;
    private long _lastLife;
    private long _armedFor = long.MaxValue;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _name = this.GetPrimaryKeyString();
        _root = GrainFactory.GetGrain<IRootQuotaGrain>(long.Parse(_name.AsSpan(_name.LastIndexOf('/') + 1), CultureInfo.InvariantCulture));
        _timer = this.RegisterGrainTimer(ReportDueAsync, new GrainTimerCreationOptions(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan) { KeepAlive = true });
        return Task.CompletedTask;
    }

    public async Task<LeaseGrant?[]> ReportAsync(QuotaReports reports)
    {
        await HearAsync(reports);
        var now = site.Clock.Now;
        var due = long.MaxValue;
        var answers = new LeaseGrant?[reports.Entries.Length];
        for (var i = 0; i < answers.Length; i++)
        {
            ref readonly var entry = ref reports.Entries[i];
            if (Find(now, entry) is not { } aggregate)
            {
                answers[i] = new LeaseGrant(entry.Report.Sequence, _life, 0, 0, 0, 0, site.Terms.Refresh, 0);
                continue;
            }

            answers[i] = aggregate.Lease.Below.Answer(now, reports.Holder, entry.Report);
            due = Math.Min(due, Math.Min(now + site.Terms.Refresh, aggregate.Lease.Above.NextReportAt()));
        }

        Arm(now, due);
        return answers;
    }

    // Where requests wait and nothing is left here, the root is asked before they are answered: one call for all of them.
    private Task HearAsync(QuotaReports reports)
    {
        var now = site.Clock.Now;
        var mayAsk = now - _rootFailedAt >= site.Terms.LeastGap;
        List<Aggregate>? asks = null;
        List<Task>? waits = null;
        foreach (ref readonly var entry in reports.Entries.AsSpan())
        {
            if (Find(now, entry) is not { } aggregate || !aggregate.Lease.Below.Hear(now, reports.Holder, entry.Report))
                continue;
            aggregate.Follow(entry.Limit);
            if (!mayAsk || !aggregate.Lease.ShouldAskFirst(now, entry.Report))
                continue;
            aggregate.Wanted += entry.Report.Want;
            aggregate.Least = aggregate.Least == 0 ? entry.Report.Least : Math.Min(aggregate.Least, entry.Report.Least);
            if (aggregate.Lease.Above.IsAsking)
                (waits ??= []).Add(aggregate.Asking);
            else
                (asks ??= []).Add(aggregate);
        }

        if (asks is not null)
            (waits ??= []).Add(AskRoot(now, asks));
        return waits is null ? Task.CompletedTask : Task.WhenAll(waits);
    }

    private Task AskRoot(long now, List<Aggregate> aggregates)
    {
        var entries = new QuotaReport[aggregates.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            var aggregate = aggregates[i];
            entries[i] = new QuotaReport(aggregate.Key, aggregate.Limit, aggregate.Lease.Report(now, aggregate.Wanted, aggregate.Least));
            aggregate.Wanted = 0;
            aggregate.Least = 0;
        }

        var asking = AskRootAsync(aggregates, entries);
        foreach (var aggregate in aggregates)
            aggregate.Asking = asking;
        return asking;
    }

    private async Task AskRootAsync(List<Aggregate> aggregates, QuotaReport[] entries)
    {
        try
        {
            // Half the nodes' patience, so that they hear from the region that the root is gone.
            var answers = await _root!.ReportAsync(new QuotaReports(_name, entries)).WaitAsync(options.CallTimeout / 2, site.Waits);
            var now = site.Clock.Now;
            for (var i = 0; i < answers.Length; i++)
            {
                if (answers[i] is not { } grant || !aggregates[i].Lease.Above.Apply(now, grant))
                    aggregates[i].Lease.Above.Abandon();
            }
        }
        catch (Exception fault)
        {
            // Whatever went wrong, the answer is the same: this round is lost, and the lease runs on.
            _rootFailedAt = site.Clock.Now;
            LogRootUnreachable(fault, _name);
            foreach (var aggregate in aggregates)
                aggregate.Lease.Above.Abandon();
        }
    }

    private async Task ReportDueAsync(CancellationToken cancellationToken)
    {
        var now = site.Clock.Now;
        List<Aggregate>? due = null;
        foreach (var (key, aggregate) in _aggregates)
        {
            if (aggregate.Lease.IsIdle(now))
                _aggregates.Remove(key);
            else if (now >= aggregate.Lease.Above.NextReportAt())
                (due ??= []).Add(aggregate);
        }

        _armedFor = long.MaxValue;
        if (due is not null)
            await AskRoot(now, due);
        now = site.Clock.Now;
        var next = _aggregates.Count == 0 ? long.MaxValue : now + site.Terms.Refresh;
        foreach (var aggregate in _aggregates.Values)
            next = Math.Min(next, aggregate.Lease.Above.NextReportAt());
        if (next != long.MaxValue)
            Arm(now, next);
    }

    // The timer is set to the earliest report that is due, and stays off while there is none.
    private void Arm(long now, long due)
    {
        if (due >= _armedFor)
            return;
        _armedFor = due;
        _timer!.Change(TimeSpan.FromTicks(Math.Max(due - now, 10 * TimeSpan.TicksPerMillisecond)), Timeout.InfiniteTimeSpan);
    }

    private Aggregate? Find(long now, in QuotaReport entry)
    {
        if (_aggregates.TryGetValue(entry.Key, out var aggregate))
            return aggregate;
        if (_aggregates.Count >= options.MaxKeys)
            return null;
        _lastLife = Math.Max(Math.Max(_life, now), _lastLife + 1);
        aggregate = new Aggregate(entry.Key, entry.Limit, new RegionalLease(site.Terms.For(entry.Limit), entry.Limit, _lastLife, now));
        _aggregates.Add(entry.Key, aggregate);
        return aggregate;
    }

    [LoggerMessage(7111, LogLevel.Warning, "Region {Region} got no answer from its root; its leases run on.")]
    private partial void LogRootUnreachable(Exception fault, string region);

    private sealed class Aggregate(QuotaKey key, LimitTerms limit, RegionalLease lease)
    {
        public QuotaKey Key => key;

        public LimitTerms Limit { get; private set; } = limit;

        public RegionalLease Lease => lease;

        public Task Asking { get; set; } = Task.CompletedTask;

        public long Wanted { get; set; }

        public long Least { get; set; }

        public void Follow(in LimitTerms changed)
        {
            if (changed == Limit)
                return;
            Limit = changed;
            lease.Follow(changed);
        }
    }
}

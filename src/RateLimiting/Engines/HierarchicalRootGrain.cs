using System.Globalization;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Owns the whole quota of one bucket of keys. It has no timers: it works when a region reports. It is never collected while idle, since
/// forgetting a long window would have to count all of it as used.
/// </summary>
[KeepAlive]
internal sealed partial class HierarchicalRootGrain(HierarchyOptions options, HierarchicalSite site, IRootTenure tenure, ILogger<HierarchicalRootGrain> logger)
    : Grain, IRootQuotaGrain
{
    private readonly Dictionary<QuotaKey, Owned> _owners = [];
    private readonly SteadyClock _clock = site.Clock.StartSteady();
    private readonly LeaseTerms _terms = site.Terms.Above;
    private string _name = "";
    private long _epoch;
    private long? _unknownBefore;
    private long _heldAt;
    private long _sweptAt;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _name = this.GetPrimaryKeyLong().ToString(CultureInfo.InvariantCulture);
        _epoch = await tenure.BeginAsync(_name);
        _heldAt = _sweptAt = site.Clock.Advance(_clock);
        // From here on no earlier life can prove its tenure; what it granted by then ends within one learning period.
        _unknownBefore = _epoch == 1 ? null : _heldAt + _terms.LearningPeriod;
        LogBegan(_name, _epoch, _epoch == 1 ? 0 : TimeSpan.FromTicks(_terms.LearningPeriod).TotalSeconds);
    }

    public async Task<LeaseGrant?[]> ReportAsync(QuotaReports reports)
    {
        var now = site.Clock.Advance(_clock);
        if (now - _heldAt >= _terms.Refresh)
        {
            if (!await tenure.HoldsAsync(_name, _epoch))
            {
                LogLost(_name, _epoch);
                DeactivateOnIdle();
                throw new InvalidOperationException($"Root {_name} was replaced: epoch {_epoch} is over.");
            }

            // The moment of asking, not of the answer, begins the right to grant for one lease more.
            _heldAt = now;
            now = site.Clock.Advance(_clock);
        }

        Sweep(now);
        var answers = new LeaseGrant?[reports.Entries.Length];
        for (var i = 0; i < answers.Length; i++)
        {
            ref readonly var entry = ref reports.Entries[i];
            if (FindOwner(now, entry) is { } owner)
                answers[i] = Answer(now, reports.Holder, entry, owner);
            else
                answers[i] = new LeaseGrant(entry.Report.Sequence, _epoch, 0, 0, 0, 0, _terms.Refresh, 0);
        }

        return answers;
    }

    private LeaseGrant? Answer(long now, string holder, in QuotaReport entry, Owned owned)
    {
        if (!owned.Owner.Hear(now, holder, entry.Report))
            return null;
        // Heard under the limit by which it was leased, answered under the one that holds now.
        if (owned.Limit != entry.Limit)
        {
            owned.Owner.Change(now, entry.Limit, owned.Limit.Algorithm == entry.Limit.Algorithm);
            owned.Limit = entry.Limit;
        }

        return owned.Owner.Answer(now, holder, entry.Report, _heldAt + _terms.Duration + _terms.Refresh);
    }

    private Owned? FindOwner(long now, in QuotaReport entry)
    {
        if (_owners.TryGetValue(entry.Key, out var known))
            return known;
        if (_owners.Count >= options.MaxKeys)
            return null;
        var ledger = QuotaLedger.Create(entry.Limit, now, _unknownBefore);
        var owned = new Owned(new LeaseOwner(_terms.For(entry.Limit), ledger, _epoch) { LearnsUntil = _unknownBefore ?? 0 }, entry.Limit);
        _owners.Add(entry.Key, owned);
        return owned;
    }

    // Forgetting a key that is as if unused changes no decision.
    private void Sweep(long now)
    {
        if (now - _sweptAt < (_owners.Count >= options.MaxKeys ? _terms.Refresh : 30 * TimeSpan.TicksPerSecond))
            return;
        _sweptAt = now;
        foreach (var (key, owned) in _owners)
        {
            if (owned.Owner.IsIdle(now))
                _owners.Remove(key);
        }
    }

    [LoggerMessage(7101, LogLevel.Information, "Root {Root} begins epoch {Epoch}; it grants after {LearningSeconds} s.")]
    private partial void LogBegan(string root, long epoch, double learningSeconds);

    [LoggerMessage(7102, LogLevel.Warning, "Root {Root} of epoch {Epoch} was replaced and stops granting.")]
    private partial void LogLost(string root, long epoch);

    private sealed class Owned(LeaseOwner owner, LimitTerms limit)
    {
        public LeaseOwner Owner => owner;

        public LimitTerms Limit { get; set; } = limit;
    }
}

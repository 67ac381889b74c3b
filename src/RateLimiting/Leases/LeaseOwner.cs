using System.Runtime.InteropServices;

namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// One key's quota as its owner sees it: takes reports, grants leases. The root of a tree owns a bucket or window; a regional
/// aggregator owns what it leased itself. Pure: time is passed in.
/// </summary>
/// <remarks>
/// Not thread-safe: an owner is one loop. A report costs O(n) for n holders, and O(n log n) when shares are divided anew. Fairness: each holder earns credit at its max-min share; units beyond all credits go to whoever asks.
/// Sources: Google Doorman (leases, learning, fair share), max-min fairness (Bertsekas and Gallager).
/// </remarks>
internal sealed class LeaseOwner(LeaseTerms terms, QuotaLedger ledger, long epoch)
{
    // Up to so many holders shares are divided anew at every changed demand; beyond, eight times a round.
    private const int ManyHolders = 64;

    private QuotaLedger _ledger = ledger;
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private readonly List<string> _gone = [];
    private double[] _demands = [];
    private double[] _weights = [];
    private double[] _shares = [];
    private long _sharedAt = long.MinValue;
    private long _creditedAt;
    private double _credits;
    private double _dividedRate;
    private long _nextExpiry = long.MaxValue;

    /// <summary>What is lent and spent.</summary>
    public QuotaLedger Ledger => _ledger;

    /// <summary>Holders on record.</summary>
    public int Holders => _accounts.Count;

    /// <summary>Units a second that the holders ask for together.</summary>
    public double Demand { get; private set; }

    /// <summary>Nothing is granted before this moment: leases of a lost owner may still be spent.</summary>
    public long LearnsUntil { get; init; }

    /// <summary>Hears a report and answers it. Null when it is older than one already seen.</summary>
    public LeaseGrant? Handle(long now, string holder, in LeaseReport report, long authorityUntil = long.MaxValue) =>
        Hear(now, holder, report) ? Answer(now, holder, report, authorityUntil) : null;

    /// <summary>Takes in what a report says; false when it is older than one already seen.</summary>
    /// <param name="now">The time on the owner's clock.</param>
    /// <param name="holder">The holder's name, stable over its restarts.</param>
    /// <param name="report">What it says.</param>
    public bool Hear(long now, string holder, in LeaseReport report)
    {
        ref var slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_accounts, holder, out var known);
        var account = slot ??= new Account { Incarnation = report.Incarnation, SpentSeen = report.SpentTotal };
        if (report.Incarnation < account.Incarnation || (report.Incarnation == account.Incarnation && report.Sequence <= account.Sequence))
            return false;
        if (report.Incarnation > account.Incarnation)
            account.Reborn(report.Incarnation, report.SpentTotal);
        account.Sequence = report.Sequence;
        account.HeardAt = now;
        account.Least = Math.Min(report.Least, _ledger.Ceiling);
        var changed = !known || account.Demand != report.Demand || account.Weight != report.Weight;
        account.Demand = report.Demand;
        account.Weight = report.Weight;
        // Heard first, even when its lease has ended unnoticed: what it did not spend is not lost.
        Settle(now, account, report);
        Expire(now);
        if (changed || _ledger.Rate != _dividedRate)
            Divide(now, force: !known);
        return true;
    }

    /// <summary>Grants what a report, just heard, asks for. Null when a newer one was heard since.</summary>
    /// <param name="now">The time on the owner's clock.</param>
    /// <param name="holder">The holder's name.</param>
    /// <param name="report">The report.</param>
    /// <param name="authorityUntil">The owner's own right to grant ends here: no lease outlives it.</param>
    public LeaseGrant? Answer(long now, string holder, in LeaseReport report, long authorityUntil = long.MaxValue)
    {
        Expire(now);
        if (!_accounts.TryGetValue(holder, out var account) || account.Incarnation != report.Incarnation || account.Sequence != report.Sequence)
            return null;
        if (_ledger.Rate != _dividedRate)
            Divide(now, force: false);
        Credit(now);
        return Grant(now, account, report, authorityUntil);
    }

    /// <summary>
    /// The limit changed while in use: what is used and lent is taken over. Where another algorithm counts now, what is lent counts as
    /// spent, and holders get new leases with their next report.
    /// </summary>
    public void Change(long now, LimitTerms limit, bool sameAlgorithm)
    {
        foreach (var account in _accounts.Values)
        {
            account.Drop(_ledger.Generation(now));
            if (sameAlgorithm)
                continue;
            _ledger.Spend(now, account.Lent + account.LentBefore);
            account.Lent = 0;
            account.LentBefore = 0;
        }

        _ledger = _ledger.Change(now, limit);
        foreach (var account in _accounts.Values)
            account.Generation = _ledger.Generation(now);
        Divide(now, force: true);
    }

    /// <summary>Units the holders could use beyond what they hold, and the smallest waiting cost: what an aggregator asks for.</summary>
    public (long Units, long Least) Unmet(long now)
    {
        long units = 0, least = 0;
        foreach (var account in _accounts.Values)
        {
            if (account.Unmet == 0 || now - account.HeardAt > terms.Silence)
                continue;
            units += account.Unmet;
            least = account.Least > 0 && (least == 0 || account.Least < least) ? account.Least : least;
        }

        return (units, least);
    }

    /// <summary>Whether nothing is lent, owed or used, so that forgetting this owner changes no decision.</summary>
    public bool IsIdle(long now)
    {
        Expire(now);
        return _accounts.Count == 0 && _ledger.Lent == 0 && _ledger.TimeUntilFull(now) == 0;
    }

    /// <summary>Lets leases end whose time is over: unreported units count as spent. Forgets holders long silent.</summary>
    public void Expire(long now)
    {
        if (now < _nextExpiry)
            return;
        _nextExpiry = long.MaxValue;
        _gone.Clear();
        var generation = _ledger.Generation(now);
        foreach (var (name, account) in _accounts)
        {
            account.Drop(generation);
            if (account.Lent > 0 && now >= account.ExpiresAt)
            {
                _ledger.Spend(now, account.Lent);
                account.Lent = 0;
            }

            if (account.LentBefore > 0 && now >= account.BeforeExpiresAt)
            {
                _ledger.Spend(now, account.LentBefore);
                account.LentBefore = 0;
            }

            var silentUntil = account.HeardAt + Math.Max(terms.Silence, terms.Mode == PartitionMode.Available ? terms.SilentGrace : 0);
            if (account.Lent == 0 && account.LentBefore == 0 && now > silentUntil)
                _gone.Add(name);
            else
                _nextExpiry = Math.Min(_nextExpiry, account.NextExpiry(silentUntil + 1));
        }

        foreach (var name in _gone)
            _accounts.Remove(name);
        if (_gone.Count > 0)
            Divide(now, force: true);
    }

    private void Settle(long now, Account account, in LeaseReport report)
    {
        account.Drop(_ledger.Generation(now));
        // Units of another epoch are none of this owner's lending.
        var spent = Math.Max(0, report.SpentTotal - account.SpentSeen);
        account.SpentSeen = Math.Max(account.SpentSeen, report.SpentTotal);
        var covered = Math.Min(spent, account.Lent);
        _ledger.Spend(now, covered);
        account.Lent -= covered;
        // A surplus deeper than the burst would punish longer than any limiter remembers; a debt of settled work is paid in full.
        _ledger.Charge(now, Math.Max(0, report.OverSpent - account.Presumed), deepest: _ledger.Ceiling);
        _ledger.Charge(now, report.Debt);
        account.Presumed = 0;
        var confirmed = report.Epoch == epoch ? Math.Min(report.Held, account.Lent) : 0;
        // What was lent and is neither spent nor held came back, or its grant was lost and will never be taken.
        _ledger.TakeBack(now, account.Lent - confirmed);
        account.Lent = confirmed;
    }

    private LeaseGrant Grant(long now, Account account, in LeaseReport report, long authorityUntil)
    {
        var confirmed = account.Lent;
        account.Unmet = 0;
        var until = Math.Min(authorityUntil, _ledger.LendableUntil(now));
        var duration = Math.Min(terms.Duration, until == long.MaxValue ? terms.Duration : until - now);
        // While learning, units of the lost owner stay good until they expire by themselves; the holder keeps that owner's epoch.
        if (now < LearnsUntil)
            return new LeaseGrant(report.Sequence, report.Epoch, report.Held, 0, 0, account.Share, LearnsUntil - now, 0);
        if (duration <= terms.ClockStep)
        {
            account.Unmet = report.Want;
            return new LeaseGrant(report.Sequence, epoch, confirmed, 0, 0, account.Share, Math.Clamp(duration, 1, terms.LeastGap), 0);
        }

        var free = _ledger.Free(now);
        var units = Math.Max(0, Math.Min(Math.Min(report.Want, free), (long)(Claim(account, free) + Pool(free) + 1e-6)));
        if (units < account.Least && units < report.Want)
            units = 0;
        var used = Math.Min(account.Credit, units);
        account.Credit -= used;
        _credits -= used;
        _ledger.Lend(now, units);
        account.Lent += units;
        account.LentWhenHeard = account.Lent;
        account.ExpiresAt = Math.Max(account.ExpiresAt, now + duration + terms.ClockStep);
        _nextExpiry = Math.Min(_nextExpiry, account.ExpiresAt);
        account.Unmet = report.Want - units;
        var dry = units >= Math.Min(report.Want, Math.Max(1, report.Least)) && report.Want > 0 ? 0 : DryFor(now, account, report);
        return new LeaseGrant(report.Sequence, epoch, confirmed, units, duration, account.Share, dry, Math.Max(0, _ledger.FreeInAll(now)));
    }

    private long DryFor(long now, Account account, in LeaseReport report)
    {
        if (report.Want == 0)
            return 0;
        var least = Math.Max(1, report.Least);
        var ledgerDry = _ledger.TimeUntilFree(now, least);
        if (ledgerDry == long.MaxValue)
            return long.MaxValue;
        var missing = least - account.Credit - Pool(_ledger.Free(now));
        var creditDry = missing <= 1e-6 || _accounts.Count == 1 ? 0 : (long)Math.Ceiling(missing / Math.Max(account.Share, 1e-9) * TimeSpan.TicksPerSecond);
        return Math.Max(ledgerDry, Math.Min(creditDry, terms.Duration));
    }

    // Credits may add up to more than is free. Then each is worth its part, so that asking first gains nothing; but never less than the
    // smallest useful grant, or many small credits would serve nobody.
    private double Claim(Account account, long free)
    {
        var useful = Math.Min(account.Credit, Math.Max(1, account.Least));
        return _credits <= free ? account.Credit : Math.Max(useful, account.Credit * free / _credits);
    }

    // What anyone may take beyond its own credit. Credits are kept for their holders only where there is not enough for all.
    private double Pool(long free) => Demand <= _dividedRate ? free : Math.Max(0, free - _credits);

    // Credit accrues to all at once, so that the sum is known without walking the holders at every report.
    private void Credit(long now)
    {
        var elapsed = now - _creditedAt;
        if (elapsed <= 0)
            return;
        _creditedAt = now;
        var seconds = (double)elapsed / TimeSpan.TicksPerSecond;
        _credits = 0;
        foreach (var account in _accounts.Values)
        {
            var most = Math.Max(account.Share * terms.Horizon / TimeSpan.TicksPerSecond, Math.Max(1, account.Least));
            // Who has been silent keeps earning only while its share is kept for it.
            account.Credit = IsSilent(now, account) && !KeepsShare(now, account) ? 0 : Math.Min(most, account.Credit + (account.Share * seconds));
            _credits += account.Credit;
            SpendFor(now, account);
        }
    }

    // A holder that is cut off in available mode goes on at its share: the owner books that at once, for as long as it keeps the share
    // from the others, so that a short cut admits nothing beyond the limit. Mirrors LeaseHolder.OwnCredit.
    private void SpendFor(long now, Account account)
    {
        if (!IsSilent(now, account) || !KeepsShare(now, account))
            return;
        var expected = (long)(account.Share * (now - account.HeardAt) / TimeSpan.TicksPerSecond) - account.LentWhenHeard;
        if (expected <= account.Presumed)
            return;
        _ledger.Charge(now, expected - account.Presumed);
        account.Presumed = expected;
    }

    /// <summary>Divides the rate among the holders by max-min fairness; what nobody demands is shared by weight, as headroom.</summary>
    private void Divide(long now, bool force)
    {
        if (!force && _accounts.Count > ManyHolders && now - _sharedAt < terms.Refresh / 8)
            return;
        Credit(now);
        _sharedAt = now;
        var count = _accounts.Count;
        if (_demands.Length < count)
        {
            _demands = new double[count * 2];
            _weights = new double[count * 2];
            _shares = new double[count * 2];
        }

        var i = 0;
        var rate = _dividedRate = _ledger.Rate;
        Demand = 0;
        var weights = 0.0;
        foreach (var account in _accounts.Values)
        {
            var silent = IsSilent(now, account);
            if (silent && KeepsShare(now, account))
            {
                // Cut off and spending by itself: its share is not ours to give.
                rate -= account.Share;
                _demands[i] = 0;
                _weights[i++] = account.Weight;
                continue;
            }

            _demands[i] = silent ? 0 : account.Demand;
            _weights[i++] = account.Weight;
            Demand += silent ? 0 : account.Demand;
            weights += silent ? 0 : account.Weight;
        }

        rate = Math.Max(0, rate);
        MaxMinShares.Fill(rate, _demands.AsSpan(0, count), _weights.AsSpan(0, count), _shares.AsSpan(0, count));
        var slack = Math.Max(0, rate - Math.Min(rate, Demand));
        i = 0;
        foreach (var account in _accounts.Values)
        {
            var silent = IsSilent(now, account);
            if (!silent)
                account.Share = _shares[i] + (weights > 0 ? slack * account.Weight / weights : 0);
            else if (!KeepsShare(now, account))
                account.Share = 0;
            i++;
        }
    }

    private bool IsSilent(long now, Account account) => now - account.HeardAt > terms.Silence;

    private bool KeepsShare(long now, Account account) =>
        terms.Mode == PartitionMode.Available && account.Demand > 0 && now - account.HeardAt <= terms.SilentGrace;

    private sealed class Account
    {
        public long Incarnation;
        public long Sequence;
        public long SpentSeen;
        public long Lent;
        public long ExpiresAt;
        public long LentBefore;
        public long BeforeExpiresAt;
        public long Generation;
        public long HeardAt;
        public long LentWhenHeard;
        public long Presumed;
        public long Least;
        public long Unmet;
        public double Demand;
        public double Weight = 1;
        public double Share;
        public double Credit;

        // What an earlier life holds may still be spent: it stays lent until it has surely expired. The credit is one for all lives.
        public void Reborn(long incarnation, long spentSeen)
        {
            LentBefore += Lent;
            BeforeExpiresAt = Math.Max(BeforeExpiresAt, ExpiresAt);
            Lent = 0;
            ExpiresAt = 0;
            Incarnation = incarnation;
            Sequence = 0;
            SpentSeen = spentSeen;
        }

        public void Drop(long generation)
        {
            if (generation == Generation)
                return;
            Generation = generation;
            Lent = 0;
            LentBefore = 0;
        }

        public long NextExpiry(long silentUntil)
        {
            var next = silentUntil;
            if (Lent > 0)
                next = Math.Min(next, ExpiresAt);
            if (LentBefore > 0)
                next = Math.Min(next, BeforeExpiresAt);
            return next;
        }
    }
}

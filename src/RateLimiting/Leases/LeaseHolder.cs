namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// One key's lease as its holder sees it: a node that spends from it, or a regional aggregator that lends it on. Pure: time is
/// passed in, messages go out and come in as values.
/// </summary>
/// <remarks>Not thread-safe: the caller holds a lock or is one loop.</remarks>
/// <param name="terms">The times by which it lives.</param>
/// <param name="incarnation">Greater than that of every earlier holder of the same name and key.</param>
/// <param name="weight">Its weight in fair sharing.</param>
/// <param name="now">The time.</param>
internal sealed class LeaseHolder(LeaseTerms terms, long incarnation, double weight, long now)
{
    private long _sequence;
    private long _spentTotal;
    private long _epoch;
    private long _sentAt;
    private long _sentHeld;
    private long _sentOver;
    private long _sentDebt;
    private long _reportedAt = now;
    private long _roundAt = now;
    private long _offered;
    private double _offeredBefore;
    private long _overSpent;
    private long _debt;

    // While cut off in available mode: what the share has brought since the last answer, less what was in hand then and what was spent.
    private double _ownCredit;
    private long _ownCreditAt;
    private long _unansweredSince;

    // Asking out of turn: 5 times a second, and once for each 2,500 units offered, so that calls stay under one in a thousand decisions.
    private const int MostAsks = 64;
    private const double AsksPerSecond = 5;
    private const double AsksPerUnit = 0.0004;
    private double _asks = MostAsks;
    private long _asksAt = now;

    /// <summary>Units free in hand.</summary>
    public long Held { get; private set; }

    /// <summary>Units set aside: held by reservations (nodes) or lent to holders below (aggregators). Reported as held.</summary>
    public long SetAside { get; private set; }

    /// <summary>Rises whenever all units in hand died; what was set aside before is then spent, as far as the owner knows.</summary>
    public long Generation { get; private set; }

    /// <summary>When the units die, on this holder's clock.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The last fair share that the owner told, in units a second.</summary>
    public double Share { get; private set; }

    /// <summary>Units that the owner had left for anyone at the last answer.</summary>
    public long FreeAbove { get; private set; }

    /// <summary>Until when, by the owner, asking for more is of no use.</summary>
    public long DryUntil { get; private set; }

    /// <summary>Demand of the last reported round, in units a second.</summary>
    public double Demand { get; private set; }

    /// <summary>Whether an answer ever came, and the limit is still the same.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>Units owed: charged beyond what was in hand, and not yet acknowledged.</summary>
    public long Owed => _debt;

    /// <summary>Whether a report waits for its answer.</summary>
    public bool IsAsking { get; private set; }

    /// <summary>Whether nothing is held, asked or owed: such a holder can be forgotten.</summary>
    public bool IsIdle => Held == 0 && SetAside == 0 && _offered == 0 && _overSpent == 0 && _debt == 0 && Demand == 0 && !IsAsking;

    /// <summary>Whether the owner has been silent for too long.</summary>
    public bool IsCutOff(long now) => _unansweredSince != 0 && now - _unansweredSince > terms.Silence;

    /// <summary>When the next report is due that nobody waits for; <see cref="long.MaxValue"/> when none is.</summary>
    public long NextReportAt()
    {
        if (IsAsking || IsIdle)
            return long.MaxValue;
        var due = _reportedAt + terms.Refresh;
        var stock = Demand * terms.Horizon / TimeSpan.TicksPerSecond;
        return Held < stock / 4 && DryUntil != long.MaxValue ? Math.Min(due, Math.Max(DryUntil, _reportedAt + terms.LeastGap)) : due;
    }

    /// <summary>How long a request that found too few units must wait before asking the owner is of use; 0 takes a turn to ask now.</summary>
    public long TakeTurn(long now)
    {
        if (IsKnown && now < DryUntil)
            return DryUntil == long.MaxValue ? long.MaxValue : DryUntil - now;
        _asks = Math.Min(MostAsks, _asks + (AsksPerSecond * Math.Max(0, now - _asksAt) / TimeSpan.TicksPerSecond));
        _asksAt = Math.Max(now, _asksAt);
        if (_asks < 1)
            return Math.Max(1, _reportedAt + terms.LeastGap - now);
        _asks--;
        return 0;
    }

    /// <summary>Units that may be spent now, after what is owed.</summary>
    public long Spendable(long now)
    {
        Expire(now);
        return Math.Max(0, Held + OwnCredit(now) - _debt);
    }

    /// <summary>Counts units asked for, admitted or not: the demand that fair sharing follows.</summary>
    public void Offer(long units)
    {
        _offered += units;
        _asks += units * AsksPerUnit;
    }

    /// <summary>Spends <paramref name="units"/>, all or none.</summary>
    public bool TrySpend(long now, long units)
    {
        if (!TrySetAside(now, units))
            return false;
        SetAside -= units;
        _spentTotal += units;
        return true;
    }

    /// <summary>Undoes a <see cref="TrySpend"/> of the same instant.</summary>
    public void Unspend(long units)
    {
        _spentTotal -= units;
        Held += units;
    }

    /// <summary>Sets <paramref name="units"/> aside, all or none, until <see cref="Release"/>.</summary>
    public bool TrySetAside(long now, long units)
    {
        if (units > Spendable(now))
            return false;
        if (units > Held)
        {
            var missing = units - Held;
            // A unit of its own making is held without being lent: the owner books it by what is reported as overspent, and only so.
            _ownCredit -= missing;
            _overSpent += missing;
            Held += missing;
        }

        Held -= units;
        SetAside += units;
        return true;
    }

    /// <summary>Ends a setting aside of <paramref name="units"/> in <paramref name="generation"/>, of which <paramref name="spent"/> were spent.</summary>
    /// <remarks>
    /// What was set aside before the lease died counts as spent with its owner and does not come back. Word that comes after the end, but
    /// before anyone took note of it, still counts: whoever spends looks at the time first.
    /// </remarks>
    public void Release(long now, long generation, long units, long spent)
    {
        var covered = Math.Min(units, spent);
        if (generation == Generation)
        {
            SetAside -= units;
            _spentTotal += covered;
            Held += units - covered;
        }

        if (spent > covered)
            Charge(now, spent - covered);
    }

    /// <summary>Books units that were spent without asking: from what is in hand, and the rest as debt.</summary>
    public void Charge(long now, long units)
    {
        Expire(now);
        var covered = Math.Min(units, Held);
        Held -= covered;
        _spentTotal += covered;
        _debt += units - covered;
    }

    /// <summary>Writes the report to send now; the answers to earlier ones are void from here on.</summary>
    /// <param name="now">The time.</param>
    /// <param name="waiting">Units that requests are waiting for.</param>
    /// <param name="least">The smallest waiting cost; 0 when nothing waits.</param>
    /// <param name="demandBelow">The demand of the holders below (aggregators); null measures what was offered.</param>
    public LeaseReport Report(long now, long waiting, long least, double? demandBelow = null)
    {
        Expire(now);
        Demand = demandBelow ?? Measure(now);
        _reportedAt = now;
        // A square root on top: arrivals are uneven, and small stocks feel it most.
        var stock = Demand * terms.Horizon / TimeSpan.TicksPerSecond;
        stock += Math.Sqrt(stock);
        if (Held > (2 * stock) + waiting)
        {
            FreeAbove += Held - ((long)stock + waiting);
            Held = (long)stock + waiting;
        }

        var want = Math.Max(0, Math.Max(waiting, (long)Math.Ceiling(stock)) - Held);
        // What is in hand helps too: the least grant that helps is smaller by it.
        least = least == 0 ? 0 : Math.Max(1, least - Held);
        _sentAt = now;
        _sentHeld = Held + SetAside;
        _sentOver = _overSpent;
        _sentDebt = _debt;
        IsAsking = true;
        if (_unansweredSince == 0 && IsKnown)
        {
            _unansweredSince = now;
            _ownCreditAt = now;
            _ownCredit = -Held;
        }

        return new LeaseReport(incarnation, ++_sequence, _epoch, _spentTotal, _sentOver, _sentDebt, _sentHeld, want, least, Demand, weight);
    }

    /// <summary>Takes the owner's answer; false when it is void (late, or from an owner that was replaced).</summary>
    public bool Apply(long now, in LeaseGrant grant)
    {
        if (!IsAsking || grant.Sequence != _sequence)
            return false;
        IsAsking = false;
        if (grant.Epoch < _epoch)
            return false;
        Expire(now);
        var unconfirmed = _sentHeld - grant.Confirmed;
        if (unconfirmed > 0)
            Void();
        _epoch = grant.Epoch;
        Held += grant.Units;
        if (grant.Duration > 0)
            ExpiresAt = _sentAt + grant.Duration - terms.ClockStep;
        Expire(now);
        _overSpent -= _sentOver;
        _debt -= _sentDebt;
        Share = grant.Share;
        FreeAbove = grant.Free;
        DryUntil = grant.DryFor == long.MaxValue ? long.MaxValue : now + grant.DryFor;
        _unansweredSince = 0;
        IsKnown = true;
        return true;
    }

    /// <summary>The limit changed: free units go back with the next report, which asks anew.</summary>
    public void Distrust()
    {
        Held = 0;
        IsKnown = false;
    }

    /// <summary>Gives up waiting for the answer to the last report: should it still come, it is void.</summary>
    public void Abandon() => IsAsking = false;

    /// <summary>Lets units die whose lease has ended; cut off in available mode they are kept, since the owner counts them as spent.</summary>
    public void Expire(long now)
    {
        if (now >= ExpiresAt && (Held != 0 || SetAside != 0) && !GoesOnAlone(now))
            Void();
    }

    private bool GoesOnAlone(long now) => terms.Mode == PartitionMode.Available && IsKnown && IsCutOff(now);

    // What was set aside may have been spent since: only what is free in hand is known not to be.
    private void Void()
    {
        _spentTotal += SetAside;
        Held = 0;
        SetAside = 0;
        Generation++;
    }

    // Two counted rounds, the earlier weighted by its overlap with the last full round: right after two rounds, whatever came before.
    private double Measure(long now)
    {
        if (now - _roundAt >= terms.Refresh)
        {
            _offeredBefore = (double)_offered * terms.Refresh / (now - _roundAt);
            _offered = 0;
            _roundAt = now;
        }

        var overlap = 1 - ((double)Math.Max(0, now - _roundAt) / terms.Refresh);
        var units = (_offeredBefore * overlap) + _offered;
        return units * terms.Horizon / terms.Refresh < 0.5 ? 0 : units / terms.Refresh * TimeSpan.TicksPerSecond;
    }

    private long OwnCredit(long now)
    {
        if (!GoesOnAlone(now))
            return 0;
        var earned = Share * Math.Max(0, now - _ownCreditAt) / TimeSpan.TicksPerSecond;
        _ownCredit = Math.Min(_ownCredit + earned, Math.Max(1, Share * terms.Horizon / TimeSpan.TicksPerSecond));
        _ownCreditAt = Math.Max(now, _ownCreditAt);
        return (long)Math.Max(0, _ownCredit);
    }
}

namespace Tenfold.RateLimiting.Leases;

/// <summary>
/// Divides a limit's rate among holders that take rates rather than units (Envoy's quota protocol), by max-min fairness; what all of them
/// may be using at a time never sums to more than the rate.
/// </summary>
/// <remarks>
/// Pure; not thread-safe. A lowered rate is free for others only once its holder has reported after it was told, or its assignment has
/// expired; so an increase may take two reports. One that left without a word keeps its rate until then.
/// </remarks>
internal sealed class RateShares(double rate)
{
    private readonly Dictionary<long, Holder> _holders = [];

    /// <summary>Holders, the gone whose assignment still runs among them.</summary>
    public int Count => _holders.Count;

    /// <summary>Takes in what a holder used and wanted; creates it with its first report.</summary>
    public void Report(long now, long holder, double demand)
    {
        if (!_holders.TryGetValue(holder, out var known))
            _holders.Add(holder, known = new Holder());
        known.Demand = demand;
        known.HasLeft = false;
        // It reports after what it was told: of the earlier rate nothing is left.
        known.Reserved = known.Assigned;
        Forget(now);
    }

    /// <summary>The holder is gone; its rate is free when its assignment has expired.</summary>
    public void Leave(long now, long holder)
    {
        if (_holders.TryGetValue(holder, out var known))
            (known.Demand, known.HasLeft) = (0, true);
        Forget(now);
    }

    /// <summary>What a holder should have now; the caller tells it and says so with <see cref="Tell"/>.</summary>
    public double ShareOf(long now, long holder)
    {
        Forget(now);
        var demands = new double[_holders.Count];
        var weights = new double[_holders.Count];
        var shares = new double[_holders.Count];
        var i = 0;
        var mine = -1;
        double all = 0, reserved = 0;
        var present = 0;
        foreach (var (name, known) in _holders)
        {
            if (name == holder)
                mine = i;
            else
                reserved += Math.Max(known.Reserved, known.Assigned);
            present += known.HasLeft ? 0 : 1;
            all += demands[i] = known.Demand;
            weights[i++] = 1;
        }

        if (mine < 0)
            return 0;
        MaxMinShares.Fill(rate, demands, weights, shares);
        var slack = Math.Max(0, rate - all) / Math.Max(1, present);
        return Math.Max(0, Math.Min(shares[mine] + slack, rate - reserved));
    }

    /// <summary>The holder was told <paramref name="share"/>, which lasts until <paramref name="until"/>.</summary>
    public void Tell(long holder, double share, long until)
    {
        var known = _holders[holder];
        known.Reserved = Math.Max(known.Reserved, known.Assigned);
        known.Assigned = share;
        known.Until = until;
    }

    /// <summary>What a holder was told last.</summary>
    public double AssignedTo(long holder) => _holders.TryGetValue(holder, out var known) ? known.Assigned : 0;

    private void Forget(long now)
    {
        foreach (var (name, known) in _holders)
        {
            if (known.HasLeft && now >= known.Until)
                _holders.Remove(name);
        }
    }

    private sealed class Holder
    {
        public double Demand;
        public double Assigned;
        public double Reserved;
        public long Until;
        public bool HasLeft;
    }
}

using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Adaptive;

/// <summary>Divides a limit between tenants by weighted max-min fairness of what they ask for, once an interval.</summary>
/// <remarks>Not thread-safe. Tenants beyond the most that are tracked share the account of the empty name.</remarks>
internal sealed class TenantShares(int most)
{
    private readonly Dictionary<string, Tenant> _tenants = new(StringComparer.Ordinal);
    private readonly List<string> _idle = [];

    /// <summary>The account of a tenant.</summary>
    public Tenant Find(string name)
    {
        if (_tenants.TryGetValue(name, out var tenant))
            return tenant;
        if (_tenants.Count >= most)
            name = "";
        if (_tenants.TryGetValue(name, out tenant))
            return tenant;
        tenant = new Tenant();
        _tenants.Add(name, tenant);
        return tenant;
    }

    /// <summary>Divides <paramref name="limit"/> places by what was asked for in the interval that ends.</summary>
    public void Divide(double limit)
    {
        var count = _tenants.Count;
        if (count == 0)
            return;
        var demands = new double[count];
        var weights = new double[count];
        var shares = new double[count];
        var i = 0;
        var all = 0.0;
        foreach (var tenant in _tenants.Values)
        {
            // Places asked for: those held on average, scaled by how much of what was asked was admitted.
            var admittedPart = tenant.Asked == 0 ? 1 : Math.Max(0.02, (double)tenant.Admitted / tenant.Asked);
            // Half as much again, and two: arrivals are uneven, and a small share feels it most.
            tenant.Demand = tenant.Asked > 0 ? (1.5 * tenant.MostInFlight / admittedPart) + 2 : tenant.InFlight;
            demands[i] = tenant.Demand;
            weights[i++] = tenant.Weight;
            all += tenant.Demand;
        }

        IsContended = all > limit;
        MaxMinShares.Fill(limit, demands, weights, shares);
        i = 0;
        _idle.Clear();
        foreach (var (name, tenant) in _tenants)
        {
            tenant.Share = shares[i++];
            tenant.IdleSteps = tenant.Asked == 0 && tenant.InFlight == 0 ? tenant.IdleSteps + 1 : 0;
            if (tenant.IdleSteps > 100 && tenant.Weight == 1)
                _idle.Add(name);
            tenant.Asked = 0;
            tenant.Admitted = 0;
            tenant.MostInFlight = tenant.InFlight;
        }

        foreach (var name in _idle)
            _tenants.Remove(name);
    }

    /// <summary>Whether tenants ask for more than there is.</summary>
    public bool IsContended { get; private set; }

    /// <summary>One tenant.</summary>
    internal sealed class Tenant
    {
        public double Weight { get; set; } = 1;

        public double Share { get; set; } = double.PositiveInfinity;

        public double Demand { get; set; }

        public int InFlight { get; set; }

        public int MostInFlight { get; set; }

        public int Asked { get; set; }

        public int Admitted { get; set; }

        public int IdleSteps { get; set; }
    }
}

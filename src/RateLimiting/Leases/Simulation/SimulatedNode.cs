namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>A node that decides from its lease and reports to its region.</summary>
internal sealed class SimulatedNode
{
    // Clocks start late enough that a step back never meets zero.
    internal const long Beginning = 1_000 * TimeSpan.TicksPerSecond;

    private const int MostWaiting = 64;

    private readonly VirtualNetwork _network;
    private readonly LeaseTerms _terms;
    private readonly string _name;
    private LeaseHolder? _holder;
    private long _incarnation;
    private readonly Action _admit;
    private long _waiting;
    private int _again;
    private long _askedAt;

    public SimulatedNode(int place, VirtualNetwork network, LeaseTerms terms, SimulatedRegion region, Action admit)
    {
        Place = place;
        Region = region;
        _admit = admit;
        _network = network;
        _terms = terms;
        _name = $"node-{place}";
        Start();
    }

    public int Place { get; }

    public SimulatedRegion Region { get; }

    public long ClockOffset { get; set; }

    public long Calls { get; private set; }

    public long Admitted { get; private set; }

    private long Clock => Beginning + _network.Now + ClockOffset;

    public void Start()
    {
        _holder = new LeaseHolder(_terms, ++_incarnation, 1, Clock);
        _waiting = 0;
    }

    public void Stop() => _holder = null;

    /// <summary>A request of one unit: decided at once, or when the owner has answered.</summary>
    public void Acquire()
    {
        if (_holder is not { } holder)
            return;
        var now = Clock;
        holder.Offer(1);
        if (holder.TrySpend(now, 1))
            Admit();
        else if (holder.IsAsking ? now >= holder.DryUntil : holder.TakeTurn(now) == 0)
            Wait(holder, now);
    }

    /// <summary>What a node does of itself, a hundred times a second.</summary>
    public void Tick()
    {
        if (_holder is not { } holder)
            return;
        var now = Clock;
        if (holder.IsAsking && _network.Now - _askedAt > _terms.Silence / 2)
        {
            holder.Abandon();
            Decide(holder, now);
        }

        if (now >= holder.NextReportAt())
            Ask(holder, now);
    }

    private void Wait(LeaseHolder holder, long now)
    {
        if (_waiting >= MostWaiting)
            return;
        _waiting++;
        if (!holder.IsAsking)
            Ask(holder, now);
    }

    private void Ask(LeaseHolder holder, long now)
    {
        _askedAt = _network.Now;
        Calls++;
        var report = holder.Report(now, _waiting, Math.Min(1, _waiting));
        _network.Send(Place, Region.Place, () => Region.Receive(Place, _name, report, grant =>
        {
            if (!ReferenceEquals(_holder, holder) || !holder.Apply(Clock, grant))
                return;
            Decide(holder, Clock);
        }));
    }

    private void Decide(LeaseHolder holder, long now)
    {
        for (; _waiting > 0 && holder.TrySpend(now, 1); _waiting--)
            Admit();
        if (_waiting > 0 && !holder.IsAsking && holder.TakeTurn(now) == 0 && ++_again < 4)
        {
            Ask(holder, now);
            return;
        }

        _again = 0;
        _waiting = 0;
    }

    private void Admit()
    {
        Admitted++;
        _admit();
    }
}

namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>The root: owns the whole quota, on two clocks of which one may step.</summary>
internal sealed class SimulatedRoot
{
    private readonly VirtualNetwork _network;
    private readonly LeaseTerms _terms;
    private readonly LimitTerms _limit;
    private LeaseOwner? _owner;
    private SteadyClock _clock = new(0, SimulatedNode.Beginning);
    private long _epoch;

    public SimulatedRoot(int place, VirtualNetwork network, LeaseTerms terms, LimitTerms limit)
    {
        Place = place;
        _network = network;
        _terms = terms;
        _limit = limit;
        Start();
    }

    public int Place { get; }

    public long ClockOffset { get; set; }

    private long Clock => _clock.Advance(_network.Now + ClockOffset, SimulatedNode.Beginning + _network.Now);

    public void Start()
    {
        _clock = new SteadyClock(_network.Now + ClockOffset, SimulatedNode.Beginning + _network.Now);
        var now = Clock;
        _epoch++;
        var learns = _epoch == 1 ? 0 : now + _terms.LearningPeriod;
        _owner = new LeaseOwner(_terms, QuotaLedger.Create(_limit, now, _epoch == 1 ? null : learns), _epoch) { LearnsUntil = learns };
    }

    public void Stop() => _owner = null;

    public void Receive(int from, string region, LeaseReport report, Action<LeaseGrant> answer)
    {
        if (_owner is { } owner && owner.Handle(Clock, region, report) is { } grant)
            _network.Send(Place, from, () => answer(grant));
    }
}

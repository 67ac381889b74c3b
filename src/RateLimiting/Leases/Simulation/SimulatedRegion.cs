namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>A regional aggregator: leases from the root, lends to its nodes.</summary>
internal sealed class SimulatedRegion
{
    private readonly VirtualNetwork _network;
    private readonly LeaseTerms _terms;
    private readonly LimitTerms _limit;
    private readonly SimulatedRoot _root;
    private readonly string _name;
    private readonly List<(int From, string Node, LeaseReport Report, Action<LeaseGrant> Answer)> _waiting = [];
    private RegionalLease? _lease;
    private long _life;
    private long _askedAt;

    public SimulatedRegion(int place, VirtualNetwork network, LeaseTerms terms, LimitTerms limit, SimulatedRoot root)
    {
        Place = place;
        _network = network;
        _terms = terms;
        _limit = limit;
        _root = root;
        _name = $"region-{place}";
        Start();
        Tick();
    }

    public int Place { get; }

    public long ClockOffset { get; set; }

    public long Calls { get; private set; }

    private long Clock => SimulatedNode.Beginning + _network.Now + ClockOffset;

    public void Start() => _lease = new RegionalLease(_terms, _limit, ++_life, Clock);

    public void Stop()
    {
        _lease = null;
        _waiting.Clear();
    }

    public void Receive(int from, string node, LeaseReport report, Action<LeaseGrant> answer)
    {
        if (_lease is not { } lease)
            return;
        var now = Clock;
        if (!lease.Below.Hear(now, node, report))
            return;
        if (!lease.ShouldAskFirst(now, report))
        {
            Answer(lease, from, node, report, answer);
            return;
        }

        _waiting.Add((from, node, report, answer));
        if (!lease.Above.IsAsking)
            Ask(lease, now);
    }

    private void Answer(RegionalLease lease, int from, string node, in LeaseReport report, Action<LeaseGrant> answer)
    {
        if (lease.Below.Answer(Clock, node, report) is { } grant)
            _network.Send(Place, from, () => answer(grant));
    }

    private void AnswerWaiting(RegionalLease lease)
    {
        foreach (var (from, node, report, answer) in _waiting)
            Answer(lease, from, node, report, answer);
        _waiting.Clear();
    }

    private void Tick()
    {
        if (_lease is { } lease)
        {
            var now = Clock;
            if (lease.Above.IsAsking && _network.Now - _askedAt > _terms.Silence / 4)
            {
                lease.Above.Abandon();
                AnswerWaiting(lease);
            }

            lease.Below.Expire(now);
            if (now >= lease.Above.NextReportAt())
                Ask(lease, now);
        }

        _network.At(_network.Now + (5 * TimeSpan.TicksPerMillisecond), Tick);
    }

    private void Ask(RegionalLease lease, long now)
    {
        _askedAt = _network.Now;
        Calls++;
        long wanted = 0, least = 0;
        foreach (var (_, _, waiting, _) in _waiting)
        {
            wanted += waiting.Want;
            least = least == 0 ? waiting.Least : Math.Min(least, waiting.Least);
        }

        var report = lease.Report(now, wanted, least);
        _network.Send(Place, _root.Place, () => _root.Receive(Place, _name, report, grant =>
        {
            if (ReferenceEquals(_lease, lease) && lease.Above.Apply(Clock, grant))
                AnswerWaiting(lease);
        }));
    }
}

namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>What a simulated run is made of. Times in seconds.</summary>
internal sealed record LeaseScenario
{
    /// <summary>The seed that repeats the run.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The limit; a token bucket.</summary>
    public LimitTerms Limit { get; init; } = new(LimitAlgorithm.TokenBucket, 10_000, TimeSpan.TicksPerSecond, 10_000);

    /// <summary>The times of the nodes' leases; a region's last twice as long.</summary>
    public LeaseTerms Terms { get; init; } = new(
        3 * TimeSpan.TicksPerSecond, TimeSpan.TicksPerSecond, 2 * TimeSpan.TicksPerSecond, TimeSpan.TicksPerSecond / 2, PartitionMode.Strict);

    /// <summary>Nodes.</summary>
    public int Nodes { get; init; } = 1000;

    /// <summary>Regions; nodes are dealt out to them in turn.</summary>
    public int Regions { get; init; } = 10;

    /// <summary>How long it runs.</summary>
    public double Seconds { get; init; } = 60;

    /// <summary>Units offered a second by a node at a time.</summary>
    public Func<int, double, double> Offered { get; init; } = static (_, _) => 20;

    /// <summary>The chance that a message is lost.</summary>
    public double Loss { get; init; }

    /// <summary>The shortest and longest delay of a message, in milliseconds.</summary>
    public (double Least, double Most) DelayMilliseconds { get; init; } = (0.5, 20);

    /// <summary>What goes wrong, and when.</summary>
    public IReadOnlyList<LeaseFault> Faults { get; init; } = [];
}

/// <summary>What can go wrong in a simulated run.</summary>
internal enum LeaseFaultKind
{
    /// <summary>The link of a node to its region is cut.</summary>
    CutNode,

    /// <summary>The link of a region to the root is cut.</summary>
    CutRegion,

    /// <summary>A node dies, and comes back knowing nothing.</summary>
    KillNode,

    /// <summary>A region's aggregator dies; another takes over knowing nothing.</summary>
    KillRegion,

    /// <summary>The root dies; another takes over knowing nothing but that there was one.</summary>
    KillRoot,

    /// <summary>A node's clock steps by <see cref="LeaseFault.StepSeconds"/>.</summary>
    StepNode,

    /// <summary>A region's clock steps.</summary>
    StepRegion,

    /// <summary>One of the root's two clocks steps.</summary>
    StepRoot,
}

/// <summary>One fault.</summary>
/// <param name="Kind">What.</param>
/// <param name="Target">Which node or region.</param>
/// <param name="Start">When it begins, in seconds.</param>
/// <param name="End">When it ends.</param>
/// <param name="StepSeconds">For clock steps: by how much.</param>
internal sealed record LeaseFault(LeaseFaultKind Kind, int Target, double Start, double End = 0, double StepSeconds = 0);

/// <summary>What a run came to.</summary>
/// <param name="Offered">Units asked for.</param>
/// <param name="Admitted">Units admitted.</param>
/// <param name="OverAdmitted">The most units ever beyond what one central bucket would have admitted.</param>
/// <param name="Limit">Units that the limit allows over the whole run: burst and refill.</param>
/// <param name="Calls">Messages from holders to owners.</param>
/// <param name="AdmittedPerSecond">Admitted units, second by second.</param>
/// <param name="AdmittedByNode">Admitted units, node by node.</param>
internal sealed record LeaseSimulationResult(
    long Offered, long Admitted, double OverAdmitted, double Limit, long Calls, IReadOnlyList<long> AdmittedPerSecond, IReadOnlyList<long> AdmittedByNode)
{
    /// <summary>Admitted over what could have been: the smaller of offered and limit.</summary>
    public double Utilisation => Admitted / Math.Min(Offered, Limit);
}

/// <summary>
/// A lease tree of nodes, regions and a root in virtual time: the very state machines that the engine runs, over a network that
/// delays, loses and cuts, with crashes and clock steps; measured against one central bucket in true time.
/// </summary>
internal sealed class LeaseSimulation
{
    private const long StepTicks = 10 * TimeSpan.TicksPerMillisecond;

    private readonly LeaseScenario _scenario;
    private readonly Random _random;
    private readonly VirtualNetwork _network;
    private readonly CentralModel _central;
    private readonly SimulatedNode[] _nodes;
    private readonly SimulatedRegion[] _regions;
    private readonly SimulatedRoot _root;
    private readonly long[] _perSecond;
    private long _offered;

    private LeaseSimulation(LeaseScenario scenario)
    {
        _scenario = scenario;
        _random = new Random(scenario.Seed);
        _network = new VirtualNetwork(_random)
        {
            Loss = scenario.Loss,
            Delay = ((long)(scenario.DelayMilliseconds.Least * TimeSpan.TicksPerMillisecond), (long)(scenario.DelayMilliseconds.Most * TimeSpan.TicksPerMillisecond)),
        };
        _central = new CentralModel(scenario.Limit);
        var terms = scenario.Terms.For(scenario.Limit);
        _root = new SimulatedRoot(0, _network, terms.Above, scenario.Limit);
        _regions = [.. Enumerable.Range(0, scenario.Regions).Select(i => new SimulatedRegion(1 + i, _network, terms, scenario.Limit, _root))];
        _nodes = [.. Enumerable.Range(0, scenario.Nodes).Select(i => new SimulatedNode(1 + scenario.Regions + i, _network, terms, _regions[i % scenario.Regions], Admit))];
        _perSecond = new long[(int)Math.Ceiling(scenario.Seconds) + 1];
    }

    /// <summary>Runs a scenario to its end.</summary>
    public static LeaseSimulationResult Run(LeaseScenario scenario) => new LeaseSimulation(scenario).Run();

    private LeaseSimulationResult Run()
    {
        foreach (var fault in _scenario.Faults)
            Arm(fault);
        for (var i = 0; i < _nodes.Length; i++)
            Arrive(i, _random.NextInt64(StepTicks));
        var end = Ticks(_scenario.Seconds);
        _network.Run(end);
        var limit = _scenario.Limit.Burst + (_scenario.Limit.Rate * _scenario.Seconds);
        return new LeaseSimulationResult(
            _offered, _central.Admitted, _central.OverAdmitted, limit, _nodes.Sum(node => node.Calls) + _regions.Sum(region => region.Calls), _perSecond,
            [.. _nodes.Select(node => node.Admitted)]);
    }

    // Poisson arrivals in steps of 10 ms, spread over the nodes so that they never act in step.
    private void Arrive(int index, long at) => _network.At(at, () =>
    {
        var node = _nodes[index];
        var mean = _scenario.Offered(index, (double)_network.Now / TimeSpan.TicksPerSecond) * StepTicks / TimeSpan.TicksPerSecond;
        var count = Poisson(mean);
        _offered += count;
        for (var i = 0; i < count; i++)
            node.Acquire();

        node.Tick();
        Arrive(index, at + StepTicks);
    });

    private void Admit()
    {
        _central.Admit(_network.Now, 1);
        _perSecond[_network.Now / TimeSpan.TicksPerSecond]++;
    }

    private int Poisson(double mean)
    {
        if (mean > 50)
            return (int)Math.Max(0, Math.Round(mean + (Math.Sqrt(mean) * Normal())));
        var limit = Math.Exp(-mean);
        var count = 0;
        for (var product = _random.NextDouble(); product > limit; product *= _random.NextDouble())
            count++;
        return count;
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private void Arm(LeaseFault fault)
    {
        var (start, end) = (Ticks(fault.Start), Ticks(fault.End));
        var step = Ticks(fault.StepSeconds);
        switch (fault.Kind)
        {
            case LeaseFaultKind.CutNode:
                CutLink(_nodes[fault.Target].Place, _nodes[fault.Target].Region.Place, start, end);
                break;
            case LeaseFaultKind.CutRegion:
                CutLink(_regions[fault.Target].Place, _root.Place, start, end);
                break;
            case LeaseFaultKind.KillNode:
                _network.At(start, () => _nodes[fault.Target].Stop());
                _network.At(end, () => _nodes[fault.Target].Start());
                break;
            case LeaseFaultKind.KillRegion:
                _network.At(start, () => _regions[fault.Target].Stop());
                _network.At(end, () => _regions[fault.Target].Start());
                break;
            case LeaseFaultKind.KillRoot:
                _network.At(start, _root.Stop);
                _network.At(end, _root.Start);
                break;
            case LeaseFaultKind.StepNode:
                _network.At(start, () => _nodes[fault.Target].ClockOffset += step);
                break;
            case LeaseFaultKind.StepRegion:
                _network.At(start, () => _regions[fault.Target].ClockOffset += step);
                break;
            case LeaseFaultKind.StepRoot:
                _network.At(start, () => _root.ClockOffset += step);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "no such fault");
        }
    }

    private void CutLink(int a, int b, long start, long end)
    {
        _network.At(start, () => _network.Cut(a, b));
        _network.At(end, () => _network.Heal(a, b));
    }

    private static long Ticks(double seconds) => (long)(seconds * TimeSpan.TicksPerSecond);
}

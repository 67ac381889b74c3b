namespace Tenfold.RateLimiting.Leases.Simulation;

/// <summary>Virtual time and a network with delays, losses and cuts. Deterministic: one seed, one history.</summary>
internal sealed class VirtualNetwork(Random random)
{
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly HashSet<(int, int)> _cuts = [];
    private long _order;

    /// <summary>True time in ticks.</summary>
    public long Now { get; private set; }

    /// <summary>Messages that were sent.</summary>
    public long Messages { get; private set; }

    /// <summary>Messages that were lost, to chance or to a cut.</summary>
    public long Lost { get; private set; }

    /// <summary>The shortest and longest delay of a message, in ticks.</summary>
    public (long Least, long Most) Delay { get; init; } = (5_000, 200_000);

    /// <summary>The chance that a message is lost.</summary>
    public double Loss { get; init; }

    /// <summary>Runs <paramref name="action"/> at <paramref name="at"/>.</summary>
    public void At(long at, Action action) => _events.Enqueue(action, (Math.Max(at, Now), _order++));

    /// <summary>Sends a message from one place to another; it may come late, out of order, or never.</summary>
    public void Send(int from, int to, Action deliver)
    {
        Messages++;
        if (random.NextDouble() < Loss || IsCut(from, to))
        {
            Lost++;
            return;
        }

        At(Now + random.NextInt64(Delay.Least, Delay.Most), () =>
        {
            // A cut also loses what is on its way.
            if (IsCut(from, to))
                Lost++;
            else
                deliver();
        });
    }

    /// <summary>Cuts the link between two places, both ways.</summary>
    public void Cut(int a, int b) => _cuts.Add(Link(a, b));

    /// <summary>Heals the link between two places.</summary>
    public void Heal(int a, int b) => _cuts.Remove(Link(a, b));

    /// <summary>Runs until <paramref name="end"/>.</summary>
    public void Run(long end)
    {
        while (_events.TryPeek(out _, out var next) && next.At <= end)
        {
            var action = _events.Dequeue();
            Now = next.At;
            action();
        }

        Now = end;
    }

    private bool IsCut(int a, int b) => _cuts.Contains(Link(a, b));

    private static (int, int) Link(int a, int b) => a < b ? (a, b) : (b, a);
}

using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Algorithms;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>
/// Several nodes on one real server, in virtual time: each millisecond every node is asked so and so often, and every tenth it renews its
/// leases. What they admit together is checked, unit by unit, against one exact bucket in true time.
/// </summary>
internal sealed class RedisFleet : IAsyncDisposable
{
    private readonly RespServer _server;
    private readonly bool _strict;
    private readonly string _prefix;
    private readonly LimitTerms _terms;
    private readonly double[] _pending;
    private LimitState _state;

    public RedisFleet(RespServer server, string prefix, Limit limit, int nodes, bool strict)
    {
        _server = server;
        _strict = strict;
        _prefix = prefix;
        Limit = limit;
        _terms = new LimitTerms(limit.Algorithm, limit.Permits, limit.Period, limit.Burst);
        _pending = new double[nodes];
        Cut = new RedisCallLoss[nodes];
        Nodes = new RedisLimitStore[nodes];
        for (var i = 0; i < nodes; i++)
            Nodes[i] = Start(i);
    }

    /// <summary>True time: what the nodes' monotonic clocks run by.</summary>
    public FakeTimeProvider Time { get; } = RedisStores.Clock();

    /// <summary>The server's clock, which may step.</summary>
    public FakeTimeProvider ServerClock { get; } = RedisStores.Clock();

    public Limit Limit { get; }

    public RedisLimitStore[] Nodes { get; }

    /// <summary>Which node's calls are lost, and how.</summary>
    public RedisCallLoss[] Cut { get; }

    public long Decisions { get; private set; }

    public long Admitted { get; private set; }

    public long Unavailable { get; private set; }

    /// <summary>Units admitted that the exact bucket had no room for.</summary>
    public long OverAdmitted { get; private set; }

    /// <summary>Called for each decision that no engine answered; true when it is admitted all the same.</summary>
    public Func<int, Task<bool>> WhenUnavailable { get; set; } = _ => Task.FromResult(false);

    public long Calls => Nodes.Sum(node => node.Statistics.Calls);

    /// <summary>Lets virtual time pass with so many decisions a second asked of each node.</summary>
    public async Task RunAsync(TimeSpan span, Func<int, double> perSecond, Func<Task>? eachSecond = null)
    {
        for (var ms = 0; ms < span.TotalMilliseconds; ms++)
        {
            if (eachSecond is not null && ms % 1000 == 0)
                await eachSecond();
            Time.Advance(TimeSpan.FromMilliseconds(1));
            ServerClock.Advance(TimeSpan.FromMilliseconds(1));
            if (ms % 10 == 0)
            {
                foreach (var node in Nodes)
                    await node.Leases.TickAsync();
            }

            for (var i = 0; i < Nodes.Length; i++)
            {
                _pending[i] += perSecond(i) / 1000;
                for (; _pending[i] >= 1; _pending[i]--)
                    await DecideAsync(i);
            }
        }
    }

    /// <summary>A node dies without a word and comes back as a new process.</summary>
    public void Crash(int node) => Nodes[node] = Start(node);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
            await node.DisposeAsync();
    }

    private async Task DecideAsync(int node)
    {
        Decisions++;
        var outcomes = new LimitOutcome[1];
        var verdict = await Nodes[node].AcquireAsync(new LimitCheck[] { new(Limit, "all") }, outcomes, TestContext.Current.CancellationToken);
        if (verdict == StoreVerdict.Unavailable)
            Unavailable++;
        if (verdict != StoreVerdict.Admitted && !(verdict == StoreVerdict.Unavailable && await WhenUnavailable(node)))
            return;
        Admitted++;
        var now = (Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        if (!TokenBucket.Decide(_terms, ref _state, now, 1, charge: true).HasRoom)
            OverAdmitted++;
    }

    private RedisLimitStore Start(int node)
    {
        var options = RedisStores.Options(_server, ServerClock, leases: true, _prefix);
        options.Strict = _strict;
        options.Leases.HotDecisionsPerSecond = 50;
        options.FailuresToOpen = 1;
        options.Losses = () => Cut[node];
        return RedisStores.Store(options, Time);
    }
}

using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Each node says in Redis, with every heartbeat, what it was asked for of each busy limit and key, and learns what all nodes together
/// were. When Redis is gone, a node's share of a limit is its part of that demand, so that limits stay where the traffic is.
/// </summary>
/// <remarks>
/// Thread-safe. Shares from one state of the registry sum to 1; nodes read it at most a heartbeat apart. A key that no node was asked for
/// often is shared as its limit is; a limit that nobody was asked for, evenly. A node that never reached Redis knows of no other.
/// </remarks>
internal sealed class RedisNodeShare : INodeShare, IAsyncDisposable
{
    private const int MaxReported = 64;

    private readonly RedisStoreOptions _options;
    private readonly RedisLink _link;
    private readonly RedisHotKeys _hotKeys;
    private readonly TimeProvider _time;
    private readonly byte[] _node;
    private readonly RedisKey[] _keys;
    private readonly RedisKey _prefix;
    private readonly CancellationTokenSource _ended = new();
    private readonly Dictionary<string, double> _limitDemand = new(StringComparer.Ordinal);
    private readonly Task _loop;
    private long _measured;
    private volatile Registry _registry = new(1, [], []);

    /// <param name="options">Heartbeat and even share.</param>
    /// <param name="link">The server.</param>
    /// <param name="shapes">Names.</param>
    /// <param name="hotKeys">What this node is asked for.</param>
    /// <param name="time">Heartbeats run by it.</param>
    /// <param name="node">This node's id.</param>
    /// <param name="runByItself">Whether to send heartbeats by itself; tests beat by hand.</param>
    public RedisNodeShare(
        RedisStoreOptions options, RedisLink link, RedisShapes shapes, RedisHotKeys hotKeys, TimeProvider time, byte[] node, bool runByItself)
    {
        _options = options;
        _link = link;
        _hotKeys = hotKeys;
        _time = time;
        _node = Encoding.ASCII.GetBytes(Convert.ToHexString(node));
        _prefix = shapes.Named("node:");
        _keys = [shapes.Named("nodes"), shapes.Named("demand"), shapes.Named("node:" + Convert.ToHexString(node))];
        _measured = time.GetTimestamp();
        _loop = runByItself ? LoopAsync() : Task.CompletedTask;
    }

    /// <summary>Nodes alive at the last heartbeat that was answered, this one included.</summary>
    public int Nodes => _registry.Nodes;

    public double ShareOf(Limit limit, string key)
    {
        var registry = _registry;
        if (registry.Nodes <= 1)
            return 1;
        var even = 1.0 / registry.Nodes;
        var name = KeyName(limit, key);
        if (!registry.Totals.TryGetValue(name, out var total))
        {
            name = LimitName(limit);
            if (!registry.Totals.TryGetValue(name, out total))
                return even;
        }

        var mine = registry.Mine.GetValueOrDefault(name);
        return ((1 - _options.EvenShare) * Math.Min(1, mine / total)) + (_options.EvenShare * even);
    }

    /// <summary>Sends one heartbeat.</summary>
    public async ValueTask BeatAsync()
    {
        var mine = Measure();
        var arguments = new RedisValue[4 + (2 * mine.Count)];
        arguments[0] = RedisClock.Argument(_options);
        arguments[1] = RedisClock.Double(3 * _options.HeartbeatInterval.TotalMicroseconds);
        arguments[2] = _node;
        arguments[3] = (byte[]?)_prefix;
        var at = 4;
        foreach (var (name, units) in mine)
        {
            arguments[at++] = name;
            arguments[at++] = ((long)units).ToString(CultureInfo.InvariantCulture);
        }

        var answer = (RedisValue[]?)await _link.RunAsync(RedisScript.Nodes, _keys, arguments);
        if (answer is null)
            return;
        var totals = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var i = 1; i + 1 < answer.Length; i += 2)
            totals[answer[i]!] = (double)answer[i + 1];
        _registry = new Registry((int)answer[0], mine, totals);
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _loop;
        _ended.Dispose();
    }

    private static string KeyName(Limit limit, string key) =>
        string.Create(CultureInfo.InvariantCulture, $"k{limit.Id.Length}:{limit.Id}:{(key.Length <= ILimitStore.MaxPlainKeyBytes ? key : Placement.KeyHash.Of(key).ToString("x", CultureInfo.InvariantCulture))}");

    private static string LimitName(Limit limit) => "l" + limit.Id;

    /// <summary>What this node was asked for, a thousandth of a unit a second at least, most first.</summary>
    private Dictionary<string, double> Measure()
    {
        var all = new List<(string Name, double Units)>();
        var now = _time.GetTimestamp();
        var elapsed = _time.GetElapsedTime(_measured, now) / _options.HeartbeatInterval;

        // Too short a time measures chance, not demand.
        var measure = elapsed > 0.1;
        foreach (var shape in _hotKeys.Limits)
        {
            var name = LimitName(shape.Limit);
            var demand = _limitDemand.GetValueOrDefault(name);
            if (measure)
            {
                var offered = Interlocked.Exchange(ref shape.Offered, 0) / (elapsed * _options.HeartbeatInterval.TotalSeconds);
                demand += Math.Min(1, 0.5 * elapsed) * (offered - demand);
                _limitDemand[name] = demand;
            }

            all.Add((name, demand));
        }

        if (measure)
            _measured = now;

        foreach (var hot in _hotKeys.Watched)
            all.Add((KeyName(hot.Shape.Limit, hot.Key), hot.SteadyDemand));
        all.Sort(static (a, b) => b.Units.CompareTo(a.Units));
        var mine = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, units) in all)
        {
            // Whole thousandths: the registry adds and takes away the same numbers, and must come out even.
            if (units >= 0.001 && mine.Count < MaxReported)
                mine[name] = Math.Floor(units * 1000);
        }

        return mine;
    }

    private async Task LoopAsync()
    {
        try
        {
            while (true)
            {
                await BeatAsync();
                await Task.Delay(_options.HeartbeatInterval, _time, _ended.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The store ends; the registry forgets this node after three heartbeats.
        }
    }

    private sealed record Registry(int Nodes, Dictionary<string, double> Mine, Dictionary<string, double> Totals);
}

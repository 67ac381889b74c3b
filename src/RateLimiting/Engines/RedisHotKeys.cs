using System.Collections.Concurrent;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Which keys are asked for often on this node, and how often. Bounded.</summary>
/// <remarks>
/// Thread-safe. A key is first counted in one of a few thousand counters that start anew each second (two keys may share one: that only
/// makes a cold key watched); from <see cref="WatchedPerSecond"/> on it is watched by name.
/// </remarks>
internal sealed class RedisHotKeys(RedisStoreOptions options, RedisShapes shapes, TimeProvider time)
{
    /// <summary>Decisions a second from which a key is watched.</summary>
    public const int WatchedPerSecond = 5;

    /// <summary>The most limits whose demand is counted.</summary>
    public const int MaxLimits = 256;

    private const int Counters = 8192;

    private readonly long[] _counters = new long[Counters];
    private readonly ConcurrentDictionary<(Limit Limit, string Key), RedisHotKey> _watched = new();
    private readonly ConcurrentDictionary<string, RedisLimitShape> _limits = new(StringComparer.Ordinal);
    private readonly long _second = time.TimestampFrequency;

    /// <summary>Keys watched now.</summary>
    public ICollection<RedisHotKey> Watched => _watched.Values;

    /// <summary>Whether no key is watched.</summary>
    public bool IsEmpty => _watched.IsEmpty;

    /// <summary>Limits in use, by id.</summary>
    public ICollection<RedisLimitShape> Limits => _limits.Values;

    /// <summary>Counts a decision; the key's record when it is watched.</summary>
    public RedisHotKey? Count(in LimitCheck check, long now)
    {
        if (_watched.TryGetValue((check.Limit, check.Key), out var hot))
        {
            hot.Offer(check.Cost);
            return hot;
        }

        var shape = shapes.Of(check.Limit);
        Interlocked.Add(ref shape.Offered, check.Cost);
        if (!_limits.ContainsKey(check.Limit.Id) && _limits.Count < MaxLimits)
            _limits[check.Limit.Id] = shape;

        var second = now / _second;
        ref var counter = ref _counters[(uint)HashCode.Combine(check.Limit, check.Key) % Counters];
        // Lost updates between threads only make the count a little low.
        var count = counter;
        counter = count = count >> 16 == second ? count + 1 : (second << 16) + 1;
        if ((count & 0xffff) < WatchedPerSecond || check.Limit.Algorithm == LimitAlgorithm.Concurrency || _watched.Count >= options.Leases.MaxKeys)
            return null;
        return _watched.GetOrAdd((check.Limit, check.Key), id => new RedisHotKey(shape, id.Key, now, options.Leases.Enabled));
    }

    /// <summary>Stops watching a key.</summary>
    public void Forget(RedisHotKey hot) => _watched.TryRemove((hot.Shape.Limit, hot.Key), out _);
}

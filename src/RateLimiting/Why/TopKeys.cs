namespace Tenfold.RateLimiting.Why;

/// <summary>One of the busiest keys.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Key">The key, cut to 200 characters.</param>
/// <param name="PerSecond">Decisions a second, estimated from a sample.</param>
/// <param name="RejectedPerSecond">Of these, rejected.</param>
internal sealed record TopKey(string Rule, string Key, double PerSecond, double RejectedPerSecond);

/// <summary>The busiest keys of the last 10 to 20 seconds, in bounded memory.</summary>
/// <remarks>
/// Thread-safe. Never waits: a decision that finds another counting is not counted, which is rare and falls on all keys alike. No timer: the window turns
/// when someone counts or looks.
/// </remarks>
internal sealed class TopKeys(TimeProvider time)
{
    private const int Capacity = 256;
    private const int MaxKeyLength = 200;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private SpaceSaving _now = new(Capacity);
    private SpaceSaving _before = new(Capacity);
    private long _turned = time.GetTimestamp();
    private bool _hasBefore;

    /// <summary>Counts a key; <paramref name="weight"/> is how many decisions this one stands for.</summary>
    public void Add(string rule, string key, long weight, bool rejected)
    {
        if (!_lock.TryEnter())
            return;
        try
        {
            Turn();
            _now.Add(rule, Shorten(key), weight, rejected);
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>The busiest keys, busiest first.</summary>
    public IReadOnlyList<TopKey> Busiest(int count)
    {
        lock (_lock)
        {
            Turn();
            var seconds = time.GetElapsedTime(_turned).TotalSeconds + (_hasBefore ? Window.TotalSeconds : 0);
            var sums = new Dictionary<(string, string), (long Count, long Rejected)>(Capacity * 2);
            Sum(_now, sums);
            Sum(_before, sums);
            return
            [
                .. sums.Select(s => new TopKey(s.Key.Item1, s.Key.Item2, s.Value.Count / Math.Max(1, seconds), s.Value.Rejected / Math.Max(1, seconds)))
                    .OrderByDescending(k => k.PerSecond).ThenBy(k => k.Key, StringComparer.Ordinal).Take(count),
            ];
        }
    }

    private static void Sum(SpaceSaving sketch, Dictionary<(string, string), (long Count, long Rejected)> sums)
    {
        foreach (var counter in sketch.Counters)
        {
            sums.TryGetValue((counter.Rule, counter.Key), out var sum);
            // Without the error: a key that came once must not show up with the least count of the table.
            sums[(counter.Rule, counter.Key)] = (sum.Count + counter.Count - counter.Error, sum.Rejected + counter.Rejected);
        }
    }

    private static string Shorten(string key) => key.Length <= MaxKeyLength ? key : key[..MaxKeyLength] + "…";

    private void Turn()
    {
        var elapsed = time.GetElapsedTime(_turned);
        if (elapsed < Window)
            return;
        (_now, _before) = (_before, _now);
        _now.Clear();
        _hasBefore = elapsed < Window * 2;
        if (!_hasBefore)
            _before.Clear();
        _turned = time.GetTimestamp();
    }
}

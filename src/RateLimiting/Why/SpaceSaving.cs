namespace Tenfold.RateLimiting.Why;

/// <summary>
/// The most frequent keys of a stream in bounded memory: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005). A key's count is never
/// too low, and too high by at most the total over <see cref="Capacity"/>.
/// </summary>
/// <remarks>Not thread-safe: <see cref="TopKeys"/> sees to that.</remarks>
internal sealed class SpaceSaving
{
    private readonly Dictionary<(string Rule, string Key), int> _places;
    private readonly Counter[] _counters;
    private int _used;

    public SpaceSaving(int capacity)
    {
        Capacity = capacity;
        _counters = new Counter[capacity];
        _places = new Dictionary<(string, string), int>(capacity);
    }

    /// <summary>The most keys kept.</summary>
    public int Capacity { get; }

    /// <summary>Counts a key.</summary>
    public void Add(string rule, string key, long weight, bool rejected)
    {
        if (!_places.TryGetValue((rule, key), out var place))
        {
            place = _used < Capacity ? _used++ : Evict();
            // The newcomer takes over the least count: it may have been there before, unseen. Rejections are counted anew.
            _counters[place] = new Counter(rule, key) { Count = _counters[place].Count, Error = _counters[place].Count };
            _places[(rule, key)] = place;
        }

        _counters[place].Count += weight;
        if (rejected)
            _counters[place].Rejected += weight;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _places.Clear();
        Array.Clear(_counters);
        _used = 0;
    }

    /// <summary>All counters, in no order.</summary>
    public ReadOnlySpan<Counter> Counters => _counters.AsSpan(0, _used);

    private int Evict()
    {
        var least = 0;
        for (var i = 1; i < _used; i++)
        {
            if (_counters[i].Count < _counters[least].Count)
                least = i;
        }

        _places.Remove((_counters[least].Rule, _counters[least].Key));
        return least;
    }

    /// <summary>What is known of one key.</summary>
    public record struct Counter(string Rule, string Key)
    {
        /// <summary>At least the true count, at most <see cref="Error"/> above it.</summary>
        public long Count { get; set; }

        public long Error { get; set; }

        public long Rejected { get; set; }
    }
}

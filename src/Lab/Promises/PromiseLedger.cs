namespace Tenfold.Lab.Promises;

/// <summary>Counts the checks of each promise and keeps the first failure of each. Thread-safe.</summary>
internal sealed class PromiseLedger
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];
    private long _checked;
    private long _broken;

    public long Checked => Interlocked.Read(ref _checked);

    public long Broken => Interlocked.Read(ref _broken);

    /// <summary>Counts a check that held; cheap enough for every answer.</summary>
    public void Held(string promise, long checks = 1)
    {
        Interlocked.Add(ref _checked, checks);
        lock (_gate)
            Of(promise).Checked += checks;
    }

    /// <summary>Counts a check that failed.</summary>
    public void Failed(string promise, string detail)
    {
        Interlocked.Increment(ref _checked);
        Interlocked.Increment(ref _broken);
        lock (_gate)
        {
            var entry = Of(promise);
            entry.Checked++;
            entry.Failures++;
            entry.FirstFailure ??= detail;
        }
    }

    /// <summary>Counts a check either way; the detail of a kept promise is what the record shows.</summary>
    public void Check(string promise, bool held, string detail)
    {
        if (held)
        {
            Held(promise);
            lock (_gate)
                Of(promise).Detail = detail;
        }
        else
        {
            Failed(promise, detail);
        }
    }

    public IReadOnlyList<PromiseResult> Results()
    {
        lock (_gate)
        {
            return [.. _order.Select(name => (Name: name, Entry: _entries[name])).Select(item => new PromiseResult(
                item.Name, item.Entry.Failures == 0, item.Entry.Describe(), item.Entry.Checked))];
        }
    }

    private Entry Of(string promise)
    {
        if (_entries.TryGetValue(promise, out var entry))
            return entry;
        _order.Add(promise);
        return _entries[promise] = new Entry();
    }

    private sealed class Entry
    {
        public long Checked { get; set; }

        public long Failures { get; set; }

        public string? FirstFailure { get; set; }

        public string? Detail { get; set; }

        public string Describe() => Failures == 0
            ? Detail ?? $"{Checked:N0} checks held"
            : $"{Failures:N0} of {Checked:N0} checks failed; the first: {FirstFailure}";
    }
}

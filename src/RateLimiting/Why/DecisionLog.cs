namespace Tenfold.RateLimiting.Why;

/// <summary>
/// The last decisions. Every rejected one is kept until newer ones push it out; of the admitted ones a sample, so that a busy node spends nothing
/// on what nobody asks about.
/// </summary>
/// <remarks>Thread-safe without locks: a place is claimed by one atomic addition and written once. Bounded by the options.</remarks>
internal sealed class DecisionLog(DecisionLogOptions options)
{
    private readonly DecisionRecord?[] _rejected = new DecisionRecord?[options.RejectedKept];
    private readonly DecisionRecord?[] _admitted = new DecisionRecord?[options.AdmittedKept];
    private long _rejectedNext;
    private long _admittedNext;

    /// <summary>Remembers a decision.</summary>
    public void Add(DecisionRecord record)
    {
        if (record.Decision.Admitted)
            Put(_admitted, ref _admittedNext, record);
        else
            Put(_rejected, ref _rejectedNext, record);
    }

    /// <summary>The decision of that id, or null when it was not kept.</summary>
    public DecisionRecord? Find(string id) =>
        Array.Find(_rejected, r => r is not null && r.Decision.Id == id) ?? Array.Find(_admitted, r => r is not null && r.Decision.Id == id);

    /// <summary>The newest decisions, newest first.</summary>
    public IReadOnlyList<DecisionRecord> Newest(int count, bool rejectedOnly)
    {
        var all = rejectedOnly ? _rejected : _rejected.Concat(_admitted);
        return [.. all.OfType<DecisionRecord>().OrderByDescending(r => r.Time).ThenByDescending(r => r.Decision.Id, StringComparer.Ordinal).Take(count)];
    }

    private static void Put(DecisionRecord?[] ring, ref long next, DecisionRecord record)
    {
        if (ring.Length > 0)
            Volatile.Write(ref ring[(Interlocked.Increment(ref next) - 1) % ring.Length], record);
    }
}

namespace Tenfold.Lab.Promises;

/// <summary>
/// Checks from outside that a token bucket never admitted more than its law allows: in any interval of length T, at most
/// burst + rate·T. The server's moments of decision are not known, only that each lies between the client's send and receive; so an
/// admission counts for an interval only if both its send and its receive lie in it. What this finds is therefore proof, never a
/// clock artefact; what it can miss is an excess smaller than what was in flight at the interval's ends.
/// </summary>
/// <remarks>
/// All intervals at once in O(n log n): admissions are taken by receive time; a segment tree over send times s holds
/// (admissions sent at or after s) + rate·s; its greatest value minus rate·(receive time) must never exceed the burst.
/// </remarks>
internal sealed class TokenBucketLaw(double ratePerSecond, double burst)
{
    /// <summary>Rounding of doubles over a run of an hour.</summary>
    private const double Epsilon = 1e-6;

    private readonly List<(long Sent, long Received)> _admitted = [];

    public int Admissions => _admitted.Count;

    public double Burst => burst;

    /// <summary>Remembers one admission, times in nanoseconds.</summary>
    public void Add(long sent, long received) => _admitted.Add((sent, received));

    /// <summary>Forgets what was: after a restart that may forget state, a new epoch begins.</summary>
    public void Clear() => _admitted.Clear();

    /// <summary>The interval that comes nearest to breaking the law, or breaks it.</summary>
    public LawFinding Check()
    {
        var sent = _admitted.Select(admission => admission.Sent).Order().Distinct().ToArray();
        var tree = new PrefixAddMax(sent.Length);
        for (var i = 0; i < sent.Length; i++)
            tree.Set(i, ratePerSecond * sent[i] / 1e9);
        var worst = new LawFinding(0, 0, 0, burst, true);
        var worstExcess = double.NegativeInfinity;
        foreach (var admission in _admitted.OrderBy(admission => admission.Received))
        {
            tree.AddToPrefix(Array.BinarySearch(sent, admission.Sent), 1);
            var (value, index) = tree.Max(sent, admission.Received);
            var excess = value - ratePerSecond * admission.Received / 1e9 - burst;
            if (excess <= worstExcess)
                continue;
            worstExcess = excess;
            var seconds = (admission.Received - sent[index]) / 1e9;
            worst = new LawFinding(
                sent[index], admission.Received, (long)Math.Round(excess + burst + ratePerSecond * seconds), burst + ratePerSecond * seconds, excess <= Epsilon);
        }

        return worst;
    }
}

/// <summary>An interval, what was admitted in it for certain, and what the law allows.</summary>
internal readonly record struct LawFinding(long Start, long End, long Admitted, double Allowed, bool Kept);

namespace Tenfold.RateLimiting.Engines;

/// <summary>How the embedded engine keeps state: configuration section <c>Tenfold:RateLimiting:Embedded</c>.</summary>
public sealed class EmbeddedStoreOptions
{
    /// <summary>
    /// The most keys whose state is kept, 1,024 to 1,000,000,000. Default 20,000,000 (about 1 GB when full; memory is taken as keys come).
    /// Only states equal to fresh are dropped. Beyond it, new keys share overflow cells: they may be rejected for each other's use, and
    /// nobody's use is forgotten.
    /// </summary>
    public int MaxKeys { get; set; } = 20_000_000;

    /// <summary>
    /// Memory for sliding window logs, in bytes, 64 KiB to 64 GiB. Default 256 MiB: 16 million admissions. Beyond it, a log's newest
    /// admissions share an instant, the later one: it errs to rejecting.
    /// </summary>
    public long MaxLogBytes { get; set; } = 256L << 20;

    /// <summary>
    /// The most reservations remembered (open, or ended less than twice their expiry ago), 1 to 10,000,000. Default 1,000,000 (about
    /// 150 bytes each, taken as they come). Beyond it, a reservation is rejected.
    /// </summary>
    public int MaxReservations { get; set; } = 1_000_000;

    /// <summary>What is wrong with the values, one line each; empty when nothing is.</summary>
    internal IEnumerable<string> Faults()
    {
        if (MaxKeys is < 1024 or > 1_000_000_000)
            yield return $"MaxKeys = {MaxKeys}: must be 1,024 to 1,000,000,000";
        if (MaxLogBytes is < 64 << 10 or > 64L << 30)
            yield return $"MaxLogBytes = {MaxLogBytes}: must be 65,536 (64 KiB) to 68,719,476,736 (64 GiB)";
        if (MaxReservations is < 1 or > 10_000_000)
            yield return $"MaxReservations = {MaxReservations}: must be 1 to 10,000,000";
    }
}

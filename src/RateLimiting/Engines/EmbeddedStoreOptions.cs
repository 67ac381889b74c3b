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

    /// <summary>
    /// The file in which states and reservations survive a restart, also by <c>kill -9</c>; its folder is made. Null (the default): nothing
    /// survives, and nothing is written. States in shared overflow cells are not kept.
    /// </summary>
    public string? JournalPath { get; set; }

    /// <summary>
    /// What an acknowledged admission survives. <see cref="JournalDurability.Memory"/> by default: the process may lose the last
    /// <see cref="JournalFlushInterval"/> of admissions and keeps nearly its whole speed. Reservations and settlements are always written at least
    /// to the file before they are acknowledged.
    /// </summary>
    public JournalDurability JournalDurability { get; set; } = JournalDurability.Memory;

    /// <summary>
    /// How long an admission may wait to be written in the class <c>Memory</c>: 1 ms to 1 minute, default 100 ms. What a kill can lose is this
    /// and the time of one write.
    /// </summary>
    public TimeSpan JournalFlushInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The journal is rewritten without what is past when it has this many bytes and twice what it had after the last time: 1 MiB to 1 TiB,
    /// default 64 MiB. Reservations, and admissions in the classes <c>Os</c> and <c>Disk</c>, wait meanwhile (about a second a gigabyte).
    /// </summary>
    public long JournalCompactAtBytes { get; set; } = 64L << 20;

    /// <summary>Makes the names in a directory last; tests see when.</summary>
    internal Action<string> FlushDirectory { get; set; } = DirectoryOnDisk.Flush;

    /// <summary>What is wrong with the values, one line each; empty when nothing is.</summary>
    internal IEnumerable<string> Faults()
    {
        if (MaxKeys is < 1024 or > 1_000_000_000)
            yield return $"MaxKeys = {MaxKeys}: must be 1,024 to 1,000,000,000";
        if (MaxLogBytes is < 64 << 10 or > 64L << 30)
            yield return $"MaxLogBytes = {MaxLogBytes}: must be 65,536 (64 KiB) to 68,719,476,736 (64 GiB)";
        if (MaxReservations is < 1 or > 10_000_000)
            yield return $"MaxReservations = {MaxReservations}: must be 1 to 10,000,000";
        if (JournalPath is { } path && string.IsNullOrWhiteSpace(path))
            yield return "JournalPath is empty: name a file, or leave it out";
        if (!Enum.IsDefined(JournalDurability))
            yield return $"JournalDurability = {JournalDurability}: must be Memory, Os or Disk";
        if (JournalFlushInterval < TimeSpan.FromMilliseconds(1) || JournalFlushInterval > TimeSpan.FromMinutes(1))
            yield return $"JournalFlushInterval = {JournalFlushInterval}: must be 1 ms to 1 minute";
        if (JournalCompactAtBytes is < 1 << 20 or > 1L << 40)
            yield return $"JournalCompactAtBytes = {JournalCompactAtBytes}: must be 1,048,576 (1 MiB) to 1,099,511,627,776 (1 TiB)";
    }
}

/// <summary>What an acknowledged admission survives.</summary>
public enum JournalDurability
{
    /// <summary>Nothing yet: it is in the file a flush interval later.</summary>
    Memory,

    /// <summary>The process's end: it is written to the file (the operating system's memory).</summary>
    Os,

    /// <summary>The machine's end: it is on the disk (fsync), many callers at a time.</summary>
    Disk,
}

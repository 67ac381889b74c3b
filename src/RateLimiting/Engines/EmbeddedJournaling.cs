using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Decides when what changed is written: before an acknowledgement (many callers at a time), or an interval later; compacts; recovers.
/// </summary>
/// <remarks>
/// Thread-safe. Who must wait writes everybody's changes; who comes meanwhile waits for the lock and mostly finds its own written. A frame is
/// collected under the reservations' lock, so a reservation and the states that it changed are in one frame. No thread and no
/// timer runs while nothing changes.
/// </remarks>
internal sealed partial class EmbeddedJournaling : IDisposable
{
    private readonly EmbeddedStoreOptions _options;
    private readonly EmbeddedTable _table;
    private readonly EmbeddedReservations _reservations;
    private readonly Lock _reservationsGate;
    private readonly EmbeddedClock _clock;
    private readonly ILogger _logger;
    private readonly ITimer _flush;
    private readonly Lock _gate = new();
    private readonly List<UInt128> _changed = [];
    private EmbeddedJournal _journal;
    private long _marked;
    private long _written;
    private long _compactAt;
    private int _flushIsDue;
    private bool _mustRewrite;

    public EmbeddedJournaling(
        EmbeddedJournal journal, EmbeddedStoreOptions options, EmbeddedTable table, EmbeddedReservations reservations, Lock reservationsGate,
        EmbeddedClock clock, TimeProvider time, ILogger logger)
    {
        _journal = journal;
        _options = options;
        _table = table;
        _reservations = reservations;
        _reservationsGate = reservationsGate;
        _clock = clock;
        _logger = logger;
        _compactAt = Math.Max(options.JournalCompactAtBytes, journal.Length);
        _flush = time.CreateTimer(static self => ((EmbeddedJournaling)self!).Flush(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        table.BeginJournal();
    }

    /// <summary>Opens the journal that the options name, or starts one.</summary>
    public static EmbeddedJournal Open(EmbeddedStoreOptions options, int shards)
    {
        var path = options.JournalPath!;
        if (EmbeddedJournal.Open(path) is { } journal)
            return journal;
        Span<byte> secret = stackalloc byte[16];
        RandomNumberGenerator.Fill(secret);
        journal = EmbeddedJournal.Create(path, System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(secret), shards);
        try
        {
            FlushName(options);
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Reads the journal into an empty table and reservations; returns the last instant in it.</summary>
    public static long Recover(EmbeddedJournal journal, EmbeddedTable table, EmbeddedReservations reservations)
    {
        var read = new Dictionary<UInt128, EmbeddedReservationRecord>();
        var last = journal.Recover(records =>
        {
            while (records.HasMore)
                Apply(records, table, read);
        });
        foreach (var record in read.Values)
        {
            if (record.ForgetAt <= last || reservations.IsFull)
                continue;
            var reservation = reservations.Begin(record.Id, record.ExpiresAt, record.ForgetAt);
            reservations[reservation].Phase = record.Phase;
            foreach (var (key, id, tag, cost, weight) in record.Holds)
            {
                if (table.VersionOf(id, tag) is not { } limit)
                    continue;
                reservations.AddHold(reservation, key, limit, cost, weight);
                if (record.Phase == EmbeddedReservationPhase.Open)
                    table.RestoreHold(key, limit, cost);
            }

            reservations.Commit(reservation);
        }

        return last;
    }

    /// <summary>Notes a reservation that changed. Under the reservations' lock.</summary>
    public void Changed(UInt128 reservation) => _changed.Add(reservation);

    /// <summary>After an admission: written before this returns, or soon, as the options say.</summary>
    /// <exception cref="TenfoldException">It could not be written.</exception>
    public void Admitted()
    {
        var mark = Interlocked.Increment(ref _marked);
        if (_options.JournalDurability != JournalDurability.Memory)
            Commit(mark);
        else if (Volatile.Read(ref _flushIsDue) == 0 && Interlocked.Exchange(ref _flushIsDue, 1) == 0)
            _flush.Change(_options.JournalFlushInterval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>After a reservation or a settlement: written before this returns. Not under the reservations' lock.</summary>
    /// <exception cref="TenfoldException">It could not be written.</exception>
    public void Reserved() => Commit(Interlocked.Increment(ref _marked));

    public void Dispose()
    {
        _flush.Dispose();
        Flush();
        lock (_gate)
            _journal.Dispose();
    }

    private void Flush()
    {
        Volatile.Write(ref _flushIsDue, 0);
        try
        {
            Commit(Volatile.Read(ref _marked));
        }
        catch (TenfoldException fault)
        {
            // The next admission tries again, with everything.
            NotWritten(_logger, fault);
        }
    }

    private void Commit(long mark)
    {
        lock (_gate)
        {
            if (_written >= mark)
                return;
            var all = Volatile.Read(ref _marked);
            try
            {
                if (_mustRewrite || _journal.Length >= _compactAt)
                    Rewrite();
                else
                    WriteChanges();
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // What was collected is lost to the file: only a whole new one has it.
                _mustRewrite = true;
                throw new TenfoldException($"The limiter's journal {_options.JournalPath} could not be written: {fault.Message}", fault);
            }

            _written = all;
        }
    }

    private void WriteChanges()
    {
        lock (_reservationsGate)
        {
            foreach (var id in _changed)
            {
                if (_reservations.TryFind(id, out var reservation))
                    _journal.WriteReservation(_reservations, reservation);
            }

            _changed.Clear();
            _table.WriteChanges(_journal);
        }

        _journal.Write(_clock.Now(), _options.JournalDurability == JournalDurability.Disk);
    }

    private void Rewrite()
    {
        var path = _options.JournalPath!;
        var next = EmbeddedJournal.Create(path + ".new", _journal.Secret, _journal.Shards);
        try
        {
            lock (_reservationsGate)
            {
                var now = _clock.Now();
                _table.WriteAll(next, now);
                foreach (var reservation in _reservations.All)
                    next.WriteReservation(_reservations, reservation);
                _changed.Clear();
            }

            next.Write(_clock.Now(), toDisk: true);
            File.Move(path + ".new", path, overwrite: true);
            FlushName(_options);
        }
        catch
        {
            _mustRewrite = true;
            next.Dispose();
            throw;
        }

        _journal.Dispose();
        _journal = next;
        _mustRewrite = false;
        _compactAt = Math.Max(_options.JournalCompactAtBytes, 2 * next.Length);
    }

    // A file's bytes on the disk are of no use when its name is not: the machine may end right after the renaming.
    private static void FlushName(EmbeddedStoreOptions options)
    {
        if (options.JournalDurability == JournalDurability.Disk)
            options.FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(options.JournalPath!))!);
    }

    private static void Apply(EmbeddedJournalReader records, EmbeddedTable table, Dictionary<UInt128, EmbeddedReservationRecord> reservations)
    {
        var type = records.Byte();
        switch (type)
        {
            case 1:
                _ = records.UInt128();
                _ = records.UInt16();
                var algorithm = (LimitAlgorithm)records.Byte();
                var (permits, period, burst) = (records.Int64(), new TimeSpan(records.Int64()), records.Int64());
                table.RestoreVersion(Limit.Create(records.Text(records.UInt16()), algorithm, permits, period, burst));
                break;
            case 2 or 3:
                var (shard, fingerprint, check, tag) = (records.UInt16(), records.UInt64(), records.Byte(), records.UInt16());
                var state = new LimitState { FreshAt = records.Int64() };
                List<(long, long)>? entries = null;
                if (type == 2)
                    state.Payload = records.UInt64();
                else
                    entries = [.. Enumerable.Range(0, records.Int32()).Select(_ => (records.Int64(), records.Int64()))];
                table.Restore(shard, fingerprint, check, tag, state, entries);
                break;
            case 4:
                var record = new EmbeddedReservationRecord(records.UInt128(), records.Int64(), records.Int64(), (EmbeddedReservationPhase)records.Byte(), []);
                var holds = records.Byte();
                for (var i = 0; i < holds; i++)
                {
                    record.Holds.Add((
                        new EmbeddedKey(records.UInt64(), records.UInt64()), records.UInt128(), records.UInt16(), records.Int64(), records.Int64()));
                }

                reservations[record.Id] = record;
                break;
            default:
                throw new TenfoldException($"The limiter's journal has a record of type {type}, which this version does not know: use the version that wrote it.");
        }
    }

    [LoggerMessage(7101, LogLevel.Error, "The limiter's journal could not be written; admissions go on and are kept in memory")]
    private static partial void NotWritten(ILogger logger, Exception fault);

    private sealed record EmbeddedReservationRecord(
        UInt128 Id, long ExpiresAt, long ForgetAt, EmbeddedReservationPhase Phase,
        List<(EmbeddedKey Key, UInt128 Limit, ushort Tag, long Cost, long Weight)> Holds);
}

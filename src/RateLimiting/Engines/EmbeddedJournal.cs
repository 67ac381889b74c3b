using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

// The journal's format, version 1. Little-endian. One file, appended to; compacted by writing a new one beside it and renaming.
//
//   header (32 bytes)  "TFLIMIT1" | secret of the key hash, 16 bytes | shards, 4 bytes | XXH3-32 of the 28 bytes before
//   frame              length of the body, 4 bytes | low 32 bits of the XXH3-64 of the body, 4 bytes | body
//   body               the instant of writing, 8 bytes | records, each a type byte and its fields
//     1 limit          id hash 16 | tag 2 | algorithm 1 | permits 8 | period in ticks 8 | burst 8 | id's length 2 | id in UTF-8
//     2 state          shard 2 | fingerprint 8 | check 1 | tag 2 | fresh at 8 | payload 8
//     3 log state      as 2 without payload | entries 4 | entries, each instant 8 | units 8
//     4 reservation    id 16 | expires at 8 | forget at 8 | phase 1 | holds 1 | holds, each
//                      fingerprint 8 | high 8 | limit's id hash 16 | tag 2 | cost 8 | weight 8
//
// States and reservations are absolute and a later one replaces an earlier one; those of one frame belong together. What is held is not in the states: it follows from the reservations.
// Recovery: frames are read until the file ends or a frame is short or does not match its checksum; there it is cut, since nothing after it
// was acknowledged. A header that does not match is no torn tail, but another file or damage: the store refuses to start.
// Instants are of the wall clock at the process's start plus monotonic time. A restart never begins before the last frame's instant, so
// a wall clock that was set back while the process was down mints nothing (it stands still until it has caught up); one that was set
// forward is believed.

/// <summary>Writes what changes to a file, in frames that are whole or not there.</summary>
/// <remarks>Not thread-safe: its owner's lock guards it.</remarks>
internal sealed class EmbeddedJournal : IDisposable
{
    private const int HeaderBytes = 32;
    private const int MaxFrameBytes = 1 << 20;
    private static ReadOnlySpan<byte> Magic => "TFLIMIT1"u8;

    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _body = new(1 << 16);
    private readonly HashSet<(UInt128, ushort)> _limits = [];

    private EmbeddedJournal(FileStream file, UInt128 secret, int shards)
    {
        _file = file;
        Secret = secret;
        Shards = shards;
    }

    /// <summary>The secret of the key hash, so that fingerprints mean the same after a restart.</summary>
    public UInt128 Secret { get; }

    /// <summary>The number of shards, which is fixed with the fingerprints.</summary>
    public int Shards { get; }

    public long Length => _file.Length;

    /// <summary>Starts an empty journal.</summary>
    public static EmbeddedJournal Create(string path, UInt128 secret, int shards)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        Span<byte> header = stackalloc byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt128LittleEndian(header[8..], secret);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], shards);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], Checksum(header[..28]));
        file.Write(header);
        return new EmbeddedJournal(file, secret, shards);
    }

    /// <summary>Opens a journal to read it and go on; null when there is none.</summary>
    /// <exception cref="TenfoldException">The file is no journal, is damaged at its head, or is in use.</exception>
    public static EmbeddedJournal? Open(string path)
    {
        if (!File.Exists(path))
            return null;
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException fault)
        {
            throw new TenfoldException($"The limiter's journal {path} cannot be opened: {fault.Message} Is another process using it?", fault);
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        var read = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (read < HeaderBytes && file.Length < HeaderBytes)
        {
            // Killed before the first header was whole: nothing was ever acknowledged.
            file.Dispose();
            return null;
        }

        if (!header.StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(header[28..]) != Checksum(header[..28]))
        {
            file.Dispose();
            throw new TenfoldException($"{path} is no journal of version 1, or its head is damaged: restore it, or move it away to start with no limits used.");
        }

        return new EmbeddedJournal(
            file, BinaryPrimitives.ReadUInt128LittleEndian(header[8..]), BinaryPrimitives.ReadInt32LittleEndian(header[24..]));
    }

    /// <summary>Reads all whole frames in order and cuts what follows them. Returns the last one's instant.</summary>
    public long Recover(Action<EmbeddedJournalReader> apply)
    {
        var last = 0L;
        var good = _file.Position;
        var head = new byte[8];
        var body = Array.Empty<byte>();
        while (_file.ReadAtLeast(head, 8, throwOnEndOfStream: false) == 8)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(head);
            if (length < 8 || length > _file.Length - _file.Position)
                break;
            if (body.Length < length)
                body = new byte[length];
            _file.ReadExactly(body, 0, length);
            if (BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)) != Checksum(body.AsSpan(0, length)))
                break;
            last = Math.Max(last, BinaryPrimitives.ReadInt64LittleEndian(body));
            apply(new EmbeddedJournalReader(body.AsMemory(8, length - 8)));
            good = _file.Position;
        }

        _file.SetLength(good);
        _file.Position = good;
        return last;
    }

    /// <summary>Notes a limit's version, once.</summary>
    public void WriteLimit(Limit limit)
    {
        if (!_limits.Add((limit.IdHash, limit.Terms.Tag)))
            return;
        var id = Encoding.UTF8.GetBytes(limit.Id);
        var record = Record(1, 45 + id.Length);
        BinaryPrimitives.WriteUInt128LittleEndian(record, limit.IdHash);
        BinaryPrimitives.WriteUInt16LittleEndian(record[16..], limit.Terms.Tag);
        record[18] = (byte)limit.Algorithm;
        BinaryPrimitives.WriteInt64LittleEndian(record[19..], limit.Permits);
        BinaryPrimitives.WriteInt64LittleEndian(record[27..], limit.Period.Ticks);
        BinaryPrimitives.WriteInt64LittleEndian(record[35..], limit.Burst);
        BinaryPrimitives.WriteUInt16LittleEndian(record[43..], (ushort)id.Length);
        id.CopyTo(record[45..]);
    }

    public void WriteState(int shard, in EmbeddedSlot slot, LogSlab? logs)
    {
        var state = slot.State;
        List<(long At, long Units)>? entries = null;
        if (SlidingWindowLog.IsInSlab(state, out var log))
            logs!.CopyTo(log, entries = []);
        var record = Record(entries is null ? (byte)2 : (byte)3, entries is null ? 29 : 25 + (16 * entries.Count));
        BinaryPrimitives.WriteUInt16LittleEndian(record, (ushort)shard);
        BinaryPrimitives.WriteUInt64LittleEndian(record[2..], slot.Fingerprint);
        record[10] = slot.Check;
        BinaryPrimitives.WriteUInt16LittleEndian(record[11..], slot.Tag);
        BinaryPrimitives.WriteInt64LittleEndian(record[13..], slot.FreshAt);
        if (entries is null)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(record[21..], slot.Payload);
            return;
        }

        BinaryPrimitives.WriteInt32LittleEndian(record[21..], entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(record[(25 + (16 * i))..], entries[i].At);
            BinaryPrimitives.WriteInt64LittleEndian(record[(33 + (16 * i))..], entries[i].Units);
        }
    }

    public void WriteReservation(EmbeddedReservations reservations, int reservation)
    {
        ref var entry = ref reservations[reservation];
        var holds = 0;
        for (var hold = entry.FirstHold; hold != EmbeddedReservations.None; hold = reservations.Hold(hold).Next, holds++)
            WriteLimit(reservations.Hold(hold).Limit);
        var record = Record(4, 34 + (50 * holds));
        BinaryPrimitives.WriteUInt128LittleEndian(record, entry.Id);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], entry.ExpiresAt);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], entry.ForgetAt);
        record[32] = (byte)entry.Phase;
        record[33] = (byte)holds;
        record = record[34..];
        for (var at = entry.FirstHold; at != EmbeddedReservations.None; at = reservations.Hold(at).Next)
        {
            ref var hold = ref reservations.Hold(at);
            BinaryPrimitives.WriteUInt64LittleEndian(record, hold.Key.Fingerprint);
            BinaryPrimitives.WriteUInt64LittleEndian(record[8..], hold.Key.High);
            BinaryPrimitives.WriteUInt128LittleEndian(record[16..], hold.Limit.IdHash);
            BinaryPrimitives.WriteUInt16LittleEndian(record[32..], hold.Limit.Terms.Tag);
            BinaryPrimitives.WriteInt64LittleEndian(record[34..], hold.Cost);
            BinaryPrimitives.WriteInt64LittleEndian(record[42..], hold.Weight);
            record = record[50..];
        }
    }

    /// <summary>Whether the frame under way is large enough to be written. Only between records that need not be whole together.</summary>
    public bool IsFrameFull => _body.WrittenCount > MaxFrameBytes;

    /// <summary>Writes the records since the last call as one frame.</summary>
    public void Write(long now, bool toDisk)
    {
        if (_body.WrittenCount > 0)
        {
            var length = _body.WrittenCount + 8;
            var frame = ArrayPool<byte>.Shared.Rent(length + 8);
            BinaryPrimitives.WriteInt32LittleEndian(frame, length);
            BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(8), now);
            _body.WrittenSpan.CopyTo(frame.AsSpan(16));
            BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Checksum(frame.AsSpan(8, length)));
            _body.ResetWrittenCount();
            var good = _file.Position;
            try
            {
                _file.Write(frame, 0, length + 8);
            }
            catch (IOException)
            {
                // Half a frame would hide all later ones from recovery.
                _file.SetLength(good);
                _file.Position = good;
                throw;
            }

            ArrayPool<byte>.Shared.Return(frame);
        }

        if (toDisk)
            _file.Flush(flushToDisk: true);
    }

    public void Dispose() => _file.Dispose();

    private Span<byte> Record(byte type, int length)
    {
        var span = _body.GetSpan(length + 1)[..(length + 1)];
        span[0] = type;
        _body.Advance(length + 1);
        return span[1..];
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes) => (uint)XxHash3.HashToUInt64(bytes);
}

/// <summary>Reads a frame's records in order.</summary>
internal sealed class EmbeddedJournalReader(ReadOnlyMemory<byte> records)
{
    private int _at;

    public bool HasMore => _at < records.Length;

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public UInt128 UInt128() => BinaryPrimitives.ReadUInt128LittleEndian(Take(16));

    public string Text(int length) => Encoding.UTF8.GetString(Take(length));

    private ReadOnlySpan<byte> Take(int count)
    {
        var span = records.Span.Slice(_at, count);
        _at += count;
        return span;
    }
}

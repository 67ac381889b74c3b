using System.Collections.Concurrent;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>A check's key, hashed.</summary>
internal readonly record struct EmbeddedKey(ulong Fingerprint, ulong High)
{
    /// <summary>8 bits of the hash that neither the fingerprint nor the shard's number holds.</summary>
    public byte Check => (byte)(High >> 56);
}

/// <summary>All keys' states, in shards. What is done to one key is done under its shard's lock.</summary>
internal sealed class EmbeddedTable
{
    private const int KeysPerShard = 64;
    private const int MaxShards = 4096;
    private const int MaxVersions = 100_000;

    private readonly EmbeddedShard[] _shards;
    private readonly int _maxKeysPerShard;
    private readonly LogBudget _logs;
    private readonly EmbeddedKeyHash _hash;

    /// <summary>The limits' versions under which states are kept, to rescale states of limits that nobody said were replaced.</summary>
    private readonly ConcurrentDictionary<(UInt128 Id, ushort Tag), Limit> _versions = new();
    private ConcurrentQueue<Limit>? _newVersions;

    public EmbeddedTable(EmbeddedStoreOptions options, EmbeddedKeyHash hash, int? shards = null)
    {
        var count = shards ?? ShardsFor(options);
        _hash = hash;
        _shards = new EmbeddedShard[count];
        _maxKeysPerShard = Math.Max(1, options.MaxKeys / count);
        _logs = new LogBudget(options.MaxLogBytes / LogSlab.BlockBytes);
        foreach (ref var shard in _shards.AsSpan())
            shard.Initialize();
    }

    /// <summary>How many shards to make: enough that threads seldom meet, and no more than keep a few dozen keys each.</summary>
    public static int ShardsFor(EmbeddedStoreOptions options) => Math.Min(
        Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount * 64), 256, MaxShards),
        (int)BitOperations.RoundUpToPowerOf2((uint)(options.MaxKeys / KeysPerShard / 2) + 1));

    /// <summary>Keys kept.</summary>
    public long Count
    {
        get
        {
            long count = 0;
            foreach (ref var shard in _shards.AsSpan())
                count += Volatile.Read(ref shard.Count);
            return count;
        }
    }

    /// <summary>Bytes of the states: slots, free ones included, and the logs of sliding windows.</summary>
    public long MemoryBytes
    {
        get
        {
            var bytes = _logs.Taken * LogSlab.BlockBytes;
            foreach (ref var shard in _shards.AsSpan())
                bytes += shard.Bytes;
            return bytes;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EmbeddedKey Hash(Limit limit, string key)
    {
        _hash.Hash(limit, key, out var low, out var high);
        return Key(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EmbeddedKey Hash(Limit limit, ReadOnlySpan<byte> key)
    {
        _hash.Hash(limit, key, out var low, out var high);
        return Key(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ShardOf(in EmbeddedKey key) => (int)(key.High & (uint)(_shards.Length - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref EmbeddedShard Shard(int index) => ref _shards[index];

    /// <summary>
    /// The key's state under the limit, rescaled if it was kept under another version of it, and its place, for <see cref="Store"/>. With
    /// the shard's lock. What <see cref="EmbeddedPlace.Overdrawn"/> says has no room for anything, and is not to be stored.
    /// </summary>
    public LimitState Load(ref EmbeddedShard shard, in EmbeddedKey key, Limit limit, long now, out EmbeddedPlace place)
    {
        ref var slot = ref shard.Find(shard.Sequence, key.Fingerprint, key.Check);
        if (!Unsafe.IsNullRef(ref slot))
        {
            place = EmbeddedPlace.Table;
            var state = slot.State;
            if (slot.Tag != limit.Terms.Tag)
            {
                if (!TryRescale(limit, slot.Tag, ref state, shard.Logs, now))
                {
                    place = EmbeddedPlace.Overdrawn;
                    return state;
                }

                Remember(limit);
                slot.Set(key.Check, limit.Terms.Tag, state);
                shard.MarkUnwritten(ref slot);
            }

            return state;
        }

        place = EmbeddedPlace.New;
        if (shard.Overflow is null)
            return default;
        ref var cell = ref shard.Overflow.CellOf(key.Fingerprint);
        if (cell.Limit is null || cell.State.IsFresh(now))
            return default;
        if (cell.IsTaken(limit, now))
        {
            place = EmbeddedPlace.TakenCell;
            return cell.State;
        }

        place = EmbeddedPlace.Cell;
        if (cell.Limit.Terms.Tag != limit.Terms.Tag)
        {
            if (!LimitAlgorithms.TryRescale(cell.Limit.Terms, limit.Terms, ref cell.State, null, now))
            {
                place = EmbeddedPlace.Overdrawn;
                return LimitAlgorithms.Overdrawn(cell.Limit.Terms, limit.Terms, cell.State, null, now);
            }

            cell.Limit = limit;
        }

        return cell.State;
    }

    /// <summary>
    /// As <see cref="Load"/>, for the end of a reservation: under the limit's version that the state has by now, which may be a later one.
    /// </summary>
    public LimitState LoadAsKept(ref EmbeddedShard shard, in EmbeddedKey key, ref Limit limit, long now, out EmbeddedPlace place)
    {
        ref var slot = ref shard.Find(shard.Sequence, key.Fingerprint, key.Check);
        if (!Unsafe.IsNullRef(ref slot))
        {
            if (slot.Tag != limit.Terms.Tag)
                limit = EarlierVersion(limit, slot.Tag) ?? limit;
        }
        else if (shard.Overflow?.CellOf(key.Fingerprint).Limit is { } shared && shared.IdHash == limit.IdHash)
        {
            limit = shared;
        }

        return Load(ref shard, key, limit, now, out place);
    }

    /// <summary>Decides on a loaded state. With the shard's lock.</summary>
    public Decision Decide(ref EmbeddedShard shard, Limit limit, ref LimitState state, EmbeddedPlace place, long now, long cost, bool charge)
    {
        if (place == EmbeddedPlace.TakenCell)
        {
            var fresh = Math.Max(0, state.FreshAt - now);
            return new Decision(false, 0, state.Held > 0 ? Decision.Never : Math.Max(1, fresh), fresh);
        }

        return LimitAlgorithms.Decide(limit.Terms, ref state, LogsOf(ref shard, limit, place), now, cost, charge);
    }

    /// <summary>Charges a loaded state, room or not. With the shard's lock.</summary>
    public void Charge(ref EmbeddedShard shard, Limit limit, ref LimitState state, EmbeddedPlace place, long now, long cost)
    {
        if (place != EmbeddedPlace.TakenCell)
        {
            LimitAlgorithms.Charge(limit.Terms, ref state, LogsOf(ref shard, limit, place), now, cost);
            return;
        }

        // The other limit's cell stays closed for at least as long as this charge counts.
        var own = default(LimitState);
        LimitAlgorithms.Charge(limit.Terms, ref own, null, now, cost);
        state.FreshAt = Math.Max(state.FreshAt, own.FreshAt);
    }

    /// <summary>Writes a changed state back. With the shard's lock.</summary>
    public void Store(ref EmbeddedShard shard, in EmbeddedKey key, Limit limit, in LimitState state, EmbeddedPlace place, long now)
    {
        if (place == EmbeddedPlace.Overdrawn)
            throw new UnreachableException("A state without room for anything was charged.");
        if (place == EmbeddedPlace.Table)
        {
            ref var slot = ref shard.Find(shard.Sequence, key.Fingerprint, key.Check);
            slot.Set(key.Check, limit.Terms.Tag, state);
            shard.MarkUnwritten(ref slot);
            return;
        }

        if (place == EmbeddedPlace.TakenCell)
        {
            shard.Overflow!.CellOf(key.Fingerprint).State.FreshAt = state.FreshAt;
            return;
        }

        // What is held in a shared cell must be returned there: until then its keys stay.
        var mayMove = place == EmbeddedPlace.New || shard.Overflow!.CellOf(key.Fingerprint).State.Held == 0;
        if (mayMove && shard.TryInsert(key.Fingerprint, key.Check, limit.Terms.Tag, state, now, _maxKeysPerShard))
        {
            Remember(limit);
            shard.MarkUnwritten(ref shard.Find(shard.Sequence, key.Fingerprint, key.Check));
            return;
        }

        shard.Overflow ??= new EmbeddedOverflow();
        ref var cell = ref shard.Overflow.CellOf(key.Fingerprint);
        cell.Limit = limit;
        cell.State = state;
        Debug.Assert(!SlidingWindowLog.IsInSlab(state, out _), "a key's first admissions need no log, and a cell's have none");
    }

    /// <summary>From here on, notes what a journal has yet to see.</summary>
    public void BeginJournal()
    {
        _newVersions = new ConcurrentQueue<Limit>();
        foreach (ref var shard in _shards.AsSpan())
            shard.Unwritten = [];
    }

    /// <summary>Writes what changed since the last time.</summary>
    public void WriteChanges(EmbeddedJournal journal)
    {
        for (var i = 0; i < _shards.Length; i++)
        {
            ref var shard = ref _shards[i];
            shard.Enter();
            try
            {
                foreach (var (fingerprint, check) in shard.Unwritten!)
                {
                    ref var slot = ref shard.Find(shard.Sequence, fingerprint, check);
                    if (Unsafe.IsNullRef(ref slot))
                        continue;
                    slot.Dirty = false;
                    journal.WriteState(i, slot, shard.Logs);
                }

                shard.Unwritten.Clear();
            }
            finally
            {
                shard.Exit();
            }
        }

        // After the states: whose version is new was noted under its shard's lock.
        while (_newVersions!.TryDequeue(out var limit))
            journal.WriteLimit(limit);
    }

    /// <summary>Writes all states that are not fresh, in frames of their own.</summary>
    public void WriteAll(EmbeddedJournal journal, long now)
    {
        foreach (var limit in _versions.Values)
            journal.WriteLimit(limit);
        for (var i = 0; i < _shards.Length; i++)
        {
            ref var shard = ref _shards[i];
            shard.Enter();
            try
            {
                foreach (ref var slot in shard.Slots)
                {
                    if (slot.Fingerprint == 0)
                        continue;
                    slot.Dirty = false;
                    if (slot.FreshAt > now)
                        journal.WriteState(i, slot, shard.Logs);
                }

                shard.Unwritten!.Clear();
            }
            finally
            {
                shard.Exit();
            }

            if (journal.IsFrameFull)
                journal.Write(now, toDisk: false);
        }
    }

    /// <summary>Takes a state from a journal, in place of what it said before.</summary>
    public void Restore(int shardIndex, ulong fingerprint, byte check, ushort tag, LimitState state, List<(long At, long Units)>? entries)
    {
        ref var shard = ref _shards[shardIndex];
        ref var slot = ref shard.Find(shard.Sequence, fingerprint, check);
        if (!Unsafe.IsNullRef(ref slot))
        {
            var before = slot.State;
            SlidingWindowLog.Release(ref before, shard.Logs);
        }

        if (entries is not null)
            state.Payload = SlidingWindowLog.Restore(entries, shard.Logs ??= new LogSlab(_logs));
        if (Unsafe.IsNullRef(ref slot))
            shard.TryInsert(fingerprint, check, tag, state, now: 0, int.MaxValue / 2);
        else
            slot.Set(check, tag, state);
    }

    /// <summary>Takes back what a reservation from a journal holds.</summary>
    public void RestoreHold(in EmbeddedKey key, Limit limit, long cost)
    {
        ref var shard = ref _shards[ShardOf(key)];
        ref var slot = ref shard.Find(shard.Sequence, key.Fingerprint, key.Check);
        if (Unsafe.IsNullRef(ref slot))
            shard.TryInsert(key.Fingerprint, key.Check, limit.Terms.Tag, new LimitState { Held = cost }, now: 0, int.MaxValue / 2);
        else
            slot.Set(key.Check, slot.Tag, slot.State with { Held = slot.Held + cost });
    }

    /// <summary>Takes a limit's version from a journal.</summary>
    public void RestoreVersion(Limit limit) => Remember(limit);

    /// <summary>A limit's version that was restored, or null.</summary>
    public Limit? VersionOf(UInt128 id, ushort tag) => _versions.GetValueOrDefault((id, tag));

    private LogSlab? LogsOf(ref EmbeddedShard shard, Limit limit, EmbeddedPlace place) =>
        limit.Algorithm == LimitAlgorithm.SlidingWindowLog && place != EmbeddedPlace.Cell ? shard.Logs ??= new LogSlab(_logs) : null;

    /// <summary>Rescales a state, or answers false and how it looks under the limit until it may be rescaled.</summary>
    private bool TryRescale(Limit limit, ushort tag, ref LimitState state, LogSlab? logs, long now)
    {
        if (EarlierVersion(limit, tag) is { } earlier)
        {
            if (LimitAlgorithms.TryRescale(earlier.Terms, limit.Terms, ref state, logs, now))
                return true;
            state = LimitAlgorithms.Overdrawn(earlier.Terms, limit.Terms, state, logs, now);
            return false;
        }

        // Nobody knows any more how it was counted: what was in use counts as all.
        var inUse = state.FreshAt > now;
        SlidingWindowLog.Release(ref state, logs);
        state = new LimitState { Held = state.Held };
        if (inUse)
            LimitAlgorithms.Charge(limit.Terms, ref state, logs, now, limit.Burst);
        return true;
    }

    private Limit? EarlierVersion(Limit limit, ushort tag)
    {
        for (var previous = limit.Replaced; previous is not null; previous = previous.Replaced)
        {
            if (previous.Terms.Tag == tag)
                return previous;
        }

        return _versions.GetValueOrDefault((limit.IdHash, tag));
    }

    private void Remember(Limit limit)
    {
        if (_versions.ContainsKey((limit.IdHash, limit.Terms.Tag)) || _versions.Count >= MaxVersions)
            return;
        if (_versions.TryAdd((limit.IdHash, limit.Terms.Tag), limit))
            _newVersions?.Enqueue(limit);
    }

    // 0 and the greatest number mark an empty slot and the end of the slots.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static EmbeddedKey Key(ulong low, ulong high) => new(low is 0 or ulong.MaxValue ? 1 : low, high);
}

/// <summary>Where a key's state is kept.</summary>
internal enum EmbeddedPlace : byte
{
    /// <summary>In a slot of the table.</summary>
    Table,

    /// <summary>Nowhere yet.</summary>
    New,

    /// <summary>In an overflow cell, together with other keys of the limit.</summary>
    Cell,

    /// <summary>Nowhere, since another limit has the overflow cell: closed until that is fresh.</summary>
    TakenCell,

    /// <summary>In a slot or a cell, under an earlier version of the limit: more is in use than the limit admits, and that version lets go of it sooner.</summary>
    Overdrawn,
}

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>A key's state in the table: 32 bytes, half a cache line.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal struct EmbeddedSlot
{
    public const int Bytes = 32;
    private const int TagShift = 40;
    private const ulong DirtyBit = 1UL << 39;
    private const ulong HeldMask = DirtyBit - 1;

    /// <summary>64 bits of the key's hash, which order the table; 0 where the slot is empty.</summary>
    public ulong Fingerprint;

    /// <summary>8 more bits of the hash, the 16-bit tag of the limit's version, whether a journal has yet to see the state, 39 bits of held units.</summary>
    public ulong Bits;

    public long FreshAt;
    public ulong Payload;

    public readonly byte Check => (byte)(Bits >> 56);

    public readonly ushort Tag => (ushort)(Bits >> TagShift);

    public readonly long Held => (long)(Bits & HeldMask);

    public bool Dirty
    {
        readonly get => (Bits & DirtyBit) != 0;
        set => Bits = value ? Bits | DirtyBit : Bits & ~DirtyBit;
    }

    public readonly LimitState State => new() { FreshAt = FreshAt, Payload = Payload, Held = Held };

    public void Set(byte check, ushort tag, in LimitState state)
    {
        Debug.Assert(state.Held is >= 0 and <= LimitState.MaxHeld, "held units are checked before they are held");
        Bits = ((ulong)check << 56) | ((ulong)tag << TagShift) | (Bits & DirtyBit) | (ulong)state.Held;
        FreshAt = state.FreshAt;
        Payload = state.Payload;
    }
}

/// <summary>
/// A part of the store's table, with its own lock: slots sorted by fingerprint, each at or to the right of its home
/// (fingerprint scaled to the capacity), so that a search ends at the first greater one, and growing is one pass over both arrays.
/// </summary>
/// <remarks>
/// <see cref="Sequence"/> is lock and version in one: odd while somebody writes. A reader that saw it even and finds it unchanged after reading
/// has read one consistent state, without having written anything; a writer takes the lock by making exactly that number odd, and so knows
/// that what it has read still holds. Arrays are garbage collected, so a late reader never reads freed memory.
/// </remarks>
internal struct EmbeddedShard
{
    private const double FullLoad = 0.80;
    private const double LoadAfterGrowth = 0.64;
    private const int SpareSlots = 4;

    /// <summary>An array of no slot but the sentinel: what a shard starts with.</summary>
    private static readonly byte[] Nothing = NewSlots(0, out NothingOffset);
    private static readonly int NothingOffset;

    public long Sequence;
    public int Count;
    public EmbeddedOverflow? Overflow;
    public LogSlab? Logs;

    /// <summary>Keys whose states a journal has yet to see; null without a journal.</summary>
    public List<(ulong Fingerprint, byte Check)>? Unwritten;
    private byte[] _slots;
    private int _offset;
    private int _capacity;
    private int _refused;
    private long _freshNotBefore;

    public void Initialize()
    {
        _slots = Nothing;
        _offset = NothingOffset;
    }

    /// <summary>Bytes of the slots.</summary>
    public readonly long Bytes => ReferenceEquals(_slots, Nothing) ? 0 : _slots.Length;

    /// <summary>Slots, from the first to the sentinel.</summary>
    public readonly Span<EmbeddedSlot> Slots => MemoryMarshal.CreateSpan(ref First(_slots, _offset), _capacity + Spare(_capacity));

    /// <summary>Takes the lock.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter()
    {
        var seen = Volatile.Read(ref Sequence);
        if ((seen & 1) != 0 || Interlocked.CompareExchange(ref Sequence, seen + 1, seen) != seen)
            EnterContended();
    }

    /// <summary>Takes the lock if nothing has changed since the version was read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryEnter(long version) => Interlocked.CompareExchange(ref Sequence, version + 1, version) == version;

    /// <summary>Releases the lock.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit() => Volatile.Write(ref Sequence, Sequence + 1);

    /// <summary>
    /// Finds a key's slot, or a null reference. With the lock, or without: then the result holds only if the version has not changed since.
    /// </summary>
    /// <param name="version">What <see cref="Sequence"/> was before; null reference when it has changed already.</param>
    /// <param name="fingerprint">The key's fingerprint.</param>
    /// <param name="check">The key's further bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref EmbeddedSlot Find(long version, ulong fingerprint, byte check)
    {
        var slots = _slots;
        var offset = _offset;
        var capacity = _capacity;
        Volatile.ReadBarrier();

        // Array and capacity belong together only if no writer came between; from here on the sentinel ends every search.
        if (Sequence != version)
            return ref Unsafe.NullRef<EmbeddedSlot>();
        ref var slot = ref Unsafe.Add(ref First(slots, offset), (nint)Home(fingerprint, capacity));

        // An empty slot is 0: less one, it is the greatest number, and ends the search as well.
        while (slot.Fingerprint - 1 < fingerprint - 1)
            slot = ref Unsafe.Add(ref slot, 1);
        while (slot.Fingerprint == fingerprint)
        {
            if (slot.Check == check)
                return ref slot;
            slot = ref Unsafe.Add(ref slot, 1);
        }

        return ref Unsafe.NullRef<EmbeddedSlot>();
    }

    /// <summary>Asks for the line where a key's slot is or begins to be searched. Needs no lock: a prefetch of any address is harmless.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly unsafe void Prefetch(ulong fingerprint)
    {
        if (!Sse.IsSupported)
            return;
        var home = (byte*)Unsafe.AsPointer(ref Unsafe.Add(ref First(_slots, _offset), (nint)Home(fingerprint, _capacity)));
        Sse.Prefetch0(home);

        // A full table's searches end three slots from home on average, often in the next line.
        Sse.Prefetch0(home + (2 * EmbeddedSlot.Bytes));
    }

    /// <summary>Notes that a journal has yet to see a slot's state. With the lock.</summary>
    public readonly void MarkUnwritten(ref EmbeddedSlot slot)
    {
        if (Unwritten is null || slot.Dirty)
            return;
        slot.Dirty = true;
        Unwritten.Add((slot.Fingerprint, slot.Check));
    }

    /// <summary>Adds a key that is not there, or answers false when the shard is full of states that must not be forgotten. With the lock.</summary>
    public bool TryInsert(ulong fingerprint, byte check, ushort tag, in LimitState state, long now, int maxCount)
    {
        if (Count + 1 > (int)(_capacity * FullLoad) || Count >= maxCount)
        {
            if (!TryMakeRoom(now, maxCount))
                return false;
        }

        while (!TryPlace(fingerprint, check, tag, state))
            Rebuild(_capacity + (_capacity / 8) + 8, now, drop: false);
        return true;
    }

    private bool TryMakeRoom(long now, int maxCount)
    {
        if (Count >= maxCount)
        {
            // Looking in vain through a full shard for each stranger would be an attack's amplifier: at most once in an eighth of its size.
            if (now < _freshNotBefore || (_refused > 0 && _refused <= maxCount / 8))
            {
                _refused++;
                return false;
            }
        }

        var live = CountLive(now, out var freshNotBefore);
        if (live >= maxCount)
        {
            _freshNotBefore = freshNotBefore;
            _refused = 1;
            return false;
        }

        _freshNotBefore = 0;
        _refused = 0;
        var most = Math.Max(8, (int)(maxCount / FullLoad) + 2);
        if (live + 1 > (int)(_capacity * LoadAfterGrowth))
            Rebuild(Math.Min(Math.Max(8, (int)((live + 1) / LoadAfterGrowth) + 1), most), now, drop: true);
        else if (live < _capacity / 8 && _capacity > 64)
            Rebuild(_capacity / 2, now, drop: true);
        else
            DropFresh(now);
        return true;
    }

    /// <summary>Drops what may be forgotten and closes the gaps, in place: whatever moves, moves to the left.</summary>
    private void DropFresh(long now)
    {
        var slots = Slots;
        var next = 0;
        Count = 0;
        for (var i = 0; i < slots.Length; i++)
        {
            var slot = slots[i];
            if (slot.Fingerprint == 0)
                continue;
            slots[i] = default;
            if (MayForget(slot, now))
            {
                ReleaseLog(ref slot);
                continue;
            }

            var at = Math.Max(next, (int)Home(slot.Fingerprint, _capacity));
            Debug.Assert(at <= i, "with fewer slots before it, a slot is never farther to the right");
            slots[at] = slot;
            next = at + 1;
            Count++;
        }
    }

    /// <summary>A log whose entries have all left still has its memory.</summary>
    private readonly void ReleaseLog(ref EmbeddedSlot slot)
    {
        var forgotten = slot.State;
        SlidingWindowLog.Release(ref forgotten, Logs);
        slot.Payload = forgotten.Payload;
    }

    private readonly int CountLive(long now, out long freshNotBefore)
    {
        var live = 0;
        freshNotBefore = long.MaxValue;
        foreach (ref var slot in Slots)
        {
            if (slot.Fingerprint == 0 || MayForget(slot, now))
                continue;
            live++;
            freshNotBefore = Math.Min(freshNotBefore, slot.Held == 0 ? slot.FreshAt : now);
        }

        return live;
    }

    /// <summary>Whether dropping the state changes no decision.</summary>
    private static bool MayForget(in EmbeddedSlot slot, long now) => slot.FreshAt <= now && slot.Held == 0;

    private void Rebuild(int capacity, long now, bool drop)
    {
        var old = Slots;
        var slots = NewSlots(capacity, out var offset);
        ref var first = ref First(slots, offset);
        var last = capacity + Spare(capacity) - 1;
        var next = 0;
        var count = 0;
        foreach (ref var slot in old)
        {
            if (slot.Fingerprint == 0)
                continue;
            if (drop && MayForget(slot, now))
            {
                ReleaseLog(ref slot);
                continue;
            }

            var at = Math.Max(next, (int)Home(slot.Fingerprint, capacity));
            if (at > last)
            {
                // Too many at the very end: a larger table has room for them.
                Rebuild(capacity + (capacity / 8) + 8, now, drop);
                return;
            }

            Unsafe.Add(ref first, at) = slot;
            next = at + 1;
            count++;
        }

        _slots = slots;
        _offset = offset;
        _capacity = capacity;
        Count = count;
    }

    private bool TryPlace(ulong fingerprint, byte check, ushort tag, in LimitState state)
    {
        ref var first = ref First(_slots, _offset);
        var size = _capacity + Spare(_capacity);
        var at = (int)Home(fingerprint, _capacity);
        while (at < size && Unsafe.Add(ref first, at).Fingerprint - 1 < fingerprint - 1)
            at++;
        var empty = at;
        while (empty < size && Unsafe.Add(ref first, empty).Fingerprint != 0)
            empty++;
        if (empty >= size)
            return false;
        var span = MemoryMarshal.CreateSpan(ref first, size);
        span[at..empty].CopyTo(span[(at + 1)..]);
        span[at] = new EmbeddedSlot { Fingerprint = fingerprint };
        span[at].Set(check, tag, state);
        Count++;
        return true;
    }

    private void EnterContended()
    {
        var spinner = default(SpinWait);
        while (true)
        {
            // Never sleeps: what the lock guards takes less than a microsecond, or a millisecond when the shard grows.
            spinner.SpinOnce(sleep1Threshold: -1);
            var seen = Volatile.Read(ref Sequence);
            if ((seen & 1) == 0 && Interlocked.CompareExchange(ref Sequence, seen + 1, seen) == seen)
                return;
        }
    }

    /// <summary>Fastrange (Lemire, 2019): any capacity, not only powers of two, and order is kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Home(ulong fingerprint, int capacity) => (uint)(((fingerprint >> 32) * (uint)capacity) >> 32);

    private static int Spare(int capacity) => capacity == 0 ? 0 : SpareSlots + (capacity / 128);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref EmbeddedSlot First(byte[] slots, int offset) =>
        ref Unsafe.As<byte, EmbeddedSlot>(ref Unsafe.AddByteOffset(ref MemoryMarshal.GetArrayDataReference(slots), offset));

    /// <summary>Zeroed slots and the sentinel, on 32-byte borders so that no slot lies in two cache lines.</summary>
    private static unsafe byte[] NewSlots(int capacity, out int offset)
    {
        var size = capacity + Spare(capacity);
        var slots = GC.AllocateArray<byte>(((size + 1) * EmbeddedSlot.Bytes) + EmbeddedSlot.Bytes - 8, pinned: true);
        var address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(slots));
        offset = (int)(((address + EmbeddedSlot.Bytes - 1) & ~(nuint)(EmbeddedSlot.Bytes - 1)) - address);
        Unsafe.Add(ref First(slots, offset), size).Fingerprint = ulong.MaxValue;
        return slots;
    }
}

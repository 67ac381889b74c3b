using System.Runtime.InteropServices;

namespace Tenfold.RateLimiting.Engines;

/// <summary>What one reservation holds of one key.</summary>
internal struct EmbeddedHold
{
    public EmbeddedKey Key;
    public Limit Limit;
    public long Cost;
    public long Weight;
    public int Next;
}

/// <summary>How far a reservation has come.</summary>
internal enum EmbeddedReservationPhase : byte
{
    Open,
    Expired,
    Settled,
}

/// <summary>
/// The reservations that are remembered: by id, and in order of what is due next (the hold's return, then forgetting). A bounded number.
/// </summary>
/// <remarks>
/// Not thread-safe: the store guards it with one lock. No timers: whoever calls the store when something is due does it first.
/// An id is kept as the 128-bit keyed hash of its text.
/// </remarks>
internal sealed class EmbeddedReservations(int capacity)
{
    public const int None = -1;

    private readonly Dictionary<UInt128, int> _byId = [];
    private readonly PriorityQueue<int, long> _due = new();
    private Entry[] _entries = [];
    private EmbeddedHold[] _holds = [];
    private int _freeEntry = None;
    private int _freeHold = None;

    /// <summary>Reservations remembered.</summary>
    public int Count => _byId.Count;

    public bool IsFull => _byId.Count >= capacity;

    /// <summary>When something is next to be done; the greatest number when nothing is.</summary>
    public long NextDue => _due.TryPeek(out _, out var at) ? at : long.MaxValue;

    /// <summary>The reservations remembered, for a journal's snapshot.</summary>
    public IEnumerable<int> All => _byId.Values;

    public bool TryFind(UInt128 id, out int reservation) => _byId.TryGetValue(id, out reservation);

    public ref Entry this[int reservation] => ref _entries[reservation];

    public ref EmbeddedHold Hold(int hold) => ref _holds[hold];

    /// <summary>Starts a reservation, for which there is room: <see cref="Commit"/> or <see cref="Cancel"/> it next.</summary>
    public int Begin(UInt128 id, long expiresAt, long forgetAt)
    {
        if (_freeEntry == None)
            GrowEntries();
        var reservation = _freeEntry;
        _freeEntry = _entries[reservation].FirstHold;
        _entries[reservation] = new Entry { Id = id, ExpiresAt = expiresAt, ForgetAt = forgetAt, FirstHold = None };
        return reservation;
    }

    /// <summary>Remembers a reservation.</summary>
    public void Commit(int reservation)
    {
        _byId.Add(_entries[reservation].Id, reservation);
        _due.Enqueue(reservation, _entries[reservation].ExpiresAt);
    }

    /// <summary>Takes back a reservation that was rejected.</summary>
    public void Cancel(int reservation) => Free(reservation);

    /// <summary>Notes what a reservation holds.</summary>
    public void AddHold(int reservation, in EmbeddedKey key, Limit limit, long cost, long weight)
    {
        if (_freeHold == None)
            GrowHolds();
        var hold = _freeHold;
        _freeHold = _holds[hold].Next;
        _holds[hold] = new EmbeddedHold { Key = key, Limit = limit, Cost = cost, Weight = weight, Next = _entries[reservation].FirstHold };
        _entries[reservation].FirstHold = hold;
    }

    /// <summary>
    /// Takes the next reservation whose hold must return now. Forgets on the way those whose time is over.
    /// </summary>
    public bool TryTakeExpired(long now, out int reservation)
    {
        while (_due.TryPeek(out reservation, out var at) && at <= now)
        {
            _due.Dequeue();
            ref var entry = ref _entries[reservation];
            if (at >= entry.ForgetAt)
            {
                _byId.Remove(entry.Id);
                Free(reservation);
                continue;
            }

            _due.Enqueue(reservation, entry.ForgetAt);
            if (entry.Phase == EmbeddedReservationPhase.Open)
                return true;
        }

        reservation = None;
        return false;
    }

    private void Free(int reservation)
    {
        ref var entry = ref _entries[reservation];
        for (var hold = entry.FirstHold; hold != None;)
        {
            var next = _holds[hold].Next;
            _holds[hold] = new EmbeddedHold { Next = _freeHold };
            _freeHold = hold;
            hold = next;
        }

        entry = new Entry { FirstHold = _freeEntry };
        _freeEntry = reservation;
    }

    private void GrowEntries()
    {
        var old = _entries.Length;
        Array.Resize(ref _entries, Math.Min(capacity, Math.Max(16, old + (old / 2))));
        for (var i = _entries.Length - 1; i >= old; i--)
        {
            _entries[i].FirstHold = _freeEntry;
            _freeEntry = i;
        }
    }

    private void GrowHolds()
    {
        var old = _holds.Length;
        Array.Resize(ref _holds, Math.Max(16, old + (old / 2)));
        for (var i = _holds.Length - 1; i >= old; i--)
        {
            _holds[i].Next = _freeHold;
            _freeHold = i;
        }
    }

    [StructLayout(LayoutKind.Auto)]
    internal struct Entry
    {
        public UInt128 Id;
        public long ExpiresAt;
        public long ForgetAt;
        public int FirstHold;
        public EmbeddedReservationPhase Phase;
    }
}

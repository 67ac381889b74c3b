namespace Tenfold;

/// <summary>
/// 64-bit ids ordered by time, unique over nodes without coordination (after Twitter's Snowflake, 2010): 41 bits of milliseconds since
/// 2025, 10 of node, 12 of sequence. Positive, and rising within a node even when its clock steps back.
/// </summary>
/// <remarks>
/// Thread-safe, lock-free, never waits: when a millisecond's 4,096 ids are used up the next millisecond is borrowed. Two processes must
/// not share a node number at one time. A clock that steps back across a restart by more than was borrowed could repeat ids: keep the
/// last id (<see cref="Last"/>) and pass it on.
/// </remarks>
public sealed class TimeOrderedIds
{
    /// <summary>The greatest node number.</summary>
    public const int MaxNode = (1 << NodeBits) - 1;

    private const int NodeBits = 10;
    private const int SequenceBits = 12;
    private static readonly long Epoch = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private readonly TimeProvider _time;
    private readonly long _node;
    private long _last; // (milliseconds << SequenceBits) | sequence

    /// <summary>Creates a source of ids.</summary>
    /// <param name="node">0 to <see cref="MaxNode"/>, no two processes the same.</param>
    /// <param name="time">The clock.</param>
    /// <param name="lastId">The last id that this node gave before a restart, or 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A node number out of range.</exception>
    public TimeOrderedIds(int node, TimeProvider time, long lastId = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(node, MaxNode);
        ArgumentNullException.ThrowIfNull(time);
        _node = node;
        _time = time;
        _last = (MillisecondsOf(lastId) << SequenceBits) | SequenceOf(lastId);
    }

    /// <summary>The greatest id given so far.</summary>
    public long Last => Pack(Volatile.Read(ref _last));

    /// <summary>The next id: greater than every id that this source gave before.</summary>
    public long Next()
    {
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var next = Math.Max((_time.GetUtcNow().ToUnixTimeMilliseconds() - Epoch) << SequenceBits, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
                return Pack(next);
        }
    }

    /// <summary>When an id was made, to the millisecond.</summary>
    public static DateTimeOffset TimeOf(long id) => DateTimeOffset.FromUnixTimeMilliseconds(MillisecondsOf(id) + Epoch);

    /// <summary>The node that made an id.</summary>
    public static int NodeOf(long id) => (int)((id >> SequenceBits) & MaxNode);

    private static long MillisecondsOf(long id) => id >> (NodeBits + SequenceBits);

    private static long SequenceOf(long id) => id & ((1L << SequenceBits) - 1);

    private long Pack(long stamp) =>
        ((stamp >> SequenceBits) << (NodeBits + SequenceBits)) | (_node << SequenceBits) | SequenceOf(stamp);
}

namespace Tenfold.RateLimiting.Algorithms;

/// <summary>Memory that all logs of a store may take together, in blocks of <see cref="LogSlab.EntriesInBlock"/> entries.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class LogBudget(long maxBlocks)
{
    private readonly long _most = maxBlocks;
    private long _left = maxBlocks;

    /// <summary>Blocks taken.</summary>
    public long Taken => Math.Min(_most, _most - Volatile.Read(ref _left));

    /// <summary>Takes blocks for good: a slab keeps what it was given and uses it again.</summary>
    public bool TryTake(int blocks)
    {
        if (Interlocked.Add(ref _left, -blocks) >= 0)
            return true;
        Interlocked.Add(ref _left, blocks);
        return false;
    }
}

/// <summary>
/// The memory of sliding window logs: queues of (instant, running total) in linked blocks, all in a few arrays, without an object a log.
/// </summary>
/// <remarks>Not thread-safe: its owner's lock guards it. The running totals make any prefix's sum one subtraction.</remarks>
internal sealed class LogSlab(LogBudget budget)
{
    public const int EntriesInBlock = 16;

    /// <summary>Bytes of a block with its links.</summary>
    public const int BlockBytes = (EntriesInBlock * 16) + 4;

    private const int GrowBlocks = 8;
    private const int None = -1;

    private Entry[] _entries = [];
    private int[] _next = [];
    private Log[] _logs = [];
    private int _freeBlock = None;
    private int _freeLog = None;

    /// <summary>Starts a log with its first entry; false when there is no memory for it.</summary>
    public bool TryCreate(long at, long units, out int log)
    {
        log = _freeLog;
        if (_freeLog == None)
            GrowLogs();
        if (!TryTakeBlock(out var block))
            return false;
        log = _freeLog;
        _freeLog = _logs[log].Head;
        _entries[block * EntriesInBlock] = new Entry(at, units);
        _logs[log] = new Log { Head = block, Tail = block, TailCount = 1 };
        return true;
    }

    /// <summary>Units in the log.</summary>
    public long Total(int log) => TailEntry(_logs[log]).Total - _logs[log].Base;

    /// <summary>The instant of the newest entry.</summary>
    public long NewestAt(int log) => TailEntry(_logs[log]).At;

    /// <summary>Adds an entry. Without memory for it, it joins the newest one, whose units then leave later than they would have.</summary>
    public void Append(int log, long at, long units)
    {
        ref var queue = ref _logs[log];
        ref var tail = ref TailEntry(queue);
        if (at <= tail.At)
        {
            tail.Total += units;
            return;
        }

        var total = tail.Total + units;
        if (queue.TailCount < EntriesInBlock)
        {
            _entries[(queue.Tail * EntriesInBlock) + queue.TailCount++] = new Entry(at, total);
        }
        else if (TryTakeBlock(out var block))
        {
            queue = ref _logs[log];
            _next[queue.Tail] = block;
            queue.Tail = block;
            queue.TailCount = 1;
            _entries[block * EntriesInBlock] = new Entry(at, total);
        }
        else
        {
            tail = new Entry(at, total);
        }
    }

    /// <summary>Drops the entries at or before an instant, but never the newest.</summary>
    public void DropUntil(int log, long instant)
    {
        ref var queue = ref _logs[log];
        while (queue.Head != queue.Tail || queue.HeadIndex < queue.TailCount - 1)
        {
            ref var head = ref _entries[(queue.Head * EntriesInBlock) + queue.HeadIndex];
            if (head.At > instant)
                return;
            queue.Base = head.Total;
            if (++queue.HeadIndex < EntriesInBlock)
                continue;
            var emptied = queue.Head;
            queue.Head = _next[emptied];
            queue.HeadIndex = 0;
            _next[emptied] = _freeBlock;
            _freeBlock = emptied;
        }
    }

    /// <summary>The instant of the entry with which the log's first <paramref name="units"/> units are complete; the log has that many.</summary>
    public long InstantOf(int log, long units)
    {
        ref var queue = ref _logs[log];
        var target = queue.Base + units;
        var block = queue.Head;
        while (block != queue.Tail && _entries[(block * EntriesInBlock) + EntriesInBlock - 1].Total < target)
            block = _next[block];
        var index = block == queue.Head ? queue.HeadIndex : 0;
        while (_entries[(block * EntriesInBlock) + index].Total < target)
            index++;
        return _entries[(block * EntriesInBlock) + index].At;
    }

    /// <summary>Ends a log and takes its memory back, in constant time.</summary>
    public void Release(int log)
    {
        ref var queue = ref _logs[log];
        _next[queue.Tail] = _freeBlock;
        _freeBlock = queue.Head;
        queue = new Log { Head = _freeLog };
        _freeLog = log;
    }

    /// <summary>Copies the entries, oldest first, as (instant, units).</summary>
    public void CopyTo(int log, List<(long At, long Units)> into)
    {
        ref var queue = ref _logs[log];
        var previous = queue.Base;
        var index = queue.HeadIndex;
        for (var block = queue.Head; ; block = _next[block], index = 0)
        {
            var end = block == queue.Tail ? queue.TailCount : EntriesInBlock;
            for (; index < end; index++)
            {
                ref var entry = ref _entries[(block * EntriesInBlock) + index];
                into.Add((entry.At, entry.Total - previous));
                previous = entry.Total;
            }

            if (block == queue.Tail)
                return;
        }
    }

    private ref Entry TailEntry(in Log queue) => ref _entries[(queue.Tail * EntriesInBlock) + queue.TailCount - 1];

    private bool TryTakeBlock(out int block)
    {
        block = _freeBlock;
        if (block == None && !GrowBlocksBy(Math.Max(GrowBlocks, _next.Length / 2)) && !GrowBlocksBy(1))
            return false;
        block = _freeBlock;
        _freeBlock = _next[block];
        return true;
    }

    private bool GrowBlocksBy(int more)
    {
        if (!budget.TryTake(more))
            return false;
        var old = _next.Length;
        Array.Resize(ref _next, old + more);
        Array.Resize(ref _entries, (old + more) * EntriesInBlock);
        for (var i = old; i < _next.Length; i++)
        {
            _next[i] = _freeBlock;
            _freeBlock = i;
        }

        return true;
    }

    private void GrowLogs()
    {
        var old = _logs.Length;
        Array.Resize(ref _logs, Math.Max(4, old + (old / 2)));
        for (var i = old; i < _logs.Length; i++)
        {
            _logs[i].Head = _freeLog;
            _freeLog = i;
        }
    }

    private record struct Entry(long At, long Total);

    private struct Log
    {
        public long Base;
        public int Head;
        public int HeadIndex;
        public int Tail;
        public int TailCount;
    }
}

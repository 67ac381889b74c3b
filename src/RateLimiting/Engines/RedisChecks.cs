using System.Buffers.Binary;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Writes requests as a script's arguments: the checks packed, each limit once, one key a check.</summary>
/// <remarks>Not thread-safe: one a batch.</remarks>
internal sealed class RedisChecks(RedisShapes shapes, int requests, int checks)
{
    public const int ChargeNothing = 1;
    public const int CannotPass = 2;
    public const int Hold = 4;

    private const int CheckSize = 11;

    private readonly byte[] _packed = new byte[(2 * requests) + (CheckSize * checks)];
    private readonly List<RedisLimitShape> _limits = [];
    private int _at;
    private RedisLimitShape? _running;
    private int _runAt;

    public ReadOnlyMemory<byte> Packed => _packed.AsMemory(0, _at);

    /// <summary>The limits in use, in the order of their indices.</summary>
    public IReadOnlyList<RedisLimitShape> Limits => _limits;

    /// <summary>Adds one request and writes its states' names.</summary>
    public void Add(ReadOnlySpan<LimitCheck> request, bool peek, bool reserve, Span<RedisKey> keys)
    {
        if (request.Length == 1 && !peek && !reserve && request[0].Cost == 1 && shapes.Of(request[0].Limit) is { IsPlainBucket: true } bucket)
        {
            AddToRun(bucket);
            keys[0] = RedisShapes.StateKey(bucket, request[0].Key);
            return;
        }

        _running = null;
        _packed[_at++] = (byte)request.Length;
        _packed[_at++] = peek ? (byte)1 : (byte)0;
        for (var i = 0; i < request.Length; i++)
        {
            ref readonly var check = ref request[i];
            var shape = shapes.Of(check.Limit);
            var flags = check.Cost == 0 ? ChargeNothing : 0;
            if (!shape.CanPass(check.Cost))
                flags |= CannotPass;
            if (reserve && (check.Hold || check.Limit.Algorithm == LimitAlgorithm.Concurrency))
                flags |= Hold;
            var at = _packed.AsSpan(_at);
            BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)IndexOf(shape));
            at[2] = (byte)flags;
            BinaryPrimitives.WriteDoubleLittleEndian(at[3..], Math.Clamp(check.Cost, 1, RedisLimitShape.Most));
            keys[i] = RedisShapes.StateKey(shape, check.Key);
            _at += CheckSize;
        }
    }

    /// <summary>One more request of one unit in a row: a count stands for all of them, so that the script reads it once (RedisDecide.lua).</summary>
    private void AddToRun(RedisLimitShape bucket)
    {
        if (bucket == _running)
        {
            var count = _packed.AsSpan(_runAt + 1);
            BinaryPrimitives.WriteUInt16LittleEndian(count, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(count) + 1));
            return;
        }

        _running = bucket;
        _runAt = _at;
        _packed[_at] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(_packed.AsSpan(_at + 1), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(_packed.AsSpan(_at + 3), (ushort)IndexOf(bucket));
        _at += 5;
    }

    public int IndexOf(RedisLimitShape shape)
    {
        var index = _limits.LastIndexOf(shape);
        if (index >= 0)
            return index;
        _limits.Add(shape);
        return _limits.Count - 1;
    }
}

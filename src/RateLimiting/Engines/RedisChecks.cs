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

    public ReadOnlyMemory<byte> Packed => _packed;

    /// <summary>The limits in use, in the order of their indices.</summary>
    public IReadOnlyList<RedisLimitShape> Limits => _limits;

    /// <summary>Adds one request and writes its states' names.</summary>
    public void Add(ReadOnlySpan<LimitCheck> request, bool peek, bool reserve, Span<RedisKey> keys)
    {
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

    public int IndexOf(RedisLimitShape shape)
    {
        var index = _limits.LastIndexOf(shape);
        if (index >= 0)
            return index;
        _limits.Add(shape);
        return _limits.Count - 1;
    }
}

using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The shapes of the limits in use, and the names of their keys.</summary>
/// <remarks>Thread-safe. A limit that nobody holds any more takes its shape along.</remarks>
internal sealed class RedisShapes(RedisStoreOptions options)
{
    private readonly ConditionalWeakTable<Limit, RedisLimitShape> _shapes = [];

    /// <summary>Where the time of this database's first use stands; see <see cref="RedisStoreOptions.Strict"/>.</summary>
    public RedisKey Epoch { get; } = Encoding.UTF8.GetBytes($"{{{options.KeyPrefix}}}:epoch");

    public RedisLimitShape Of(Limit limit) =>
        _shapes.TryGetValue(limit, out var shape) ? shape : _shapes.GetValue(limit, made => new RedisLimitShape(made, options));

    /// <summary>Where a limit's state for a key is kept: the key as it is, or its hash where it is longer than the contract keeps.</summary>
    public static RedisKey StateKey(RedisLimitShape shape, string key)
    {
        // A character is at most three bytes.
        if (key.Length * 3 > ILimitStore.MaxPlainKeyBytes && Encoding.UTF8.GetByteCount(key) > ILimitStore.MaxPlainKeyBytes)
            return ((RedisKey)SHA256.HashData(Encoding.UTF8.GetBytes(key))).Prepend(shape.HashedKeyStart);
        return ((RedisKey)key).Prepend(shape.PlainKeyStart);
    }

    public RedisKey ReservationKey(string id) => Encoding.UTF8.GetBytes($"{{{options.KeyPrefix}}}:r:{id}");

    public RedisKey Named(string name) => Encoding.UTF8.GetBytes($"{{{options.KeyPrefix}}}:{name}");
}

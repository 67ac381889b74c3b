using System.Buffers.Binary;

namespace Tenfold.RateLimiting.Engines;

/// <summary>The scripts' clock: the server's own, so that nodes need not agree on the time.</summary>
internal static class RedisClock
{
    private static readonly byte[] Servers = new byte[8];

    /// <summary>The clock argument of a script: zero for the server's, else microseconds.</summary>
    public static byte[] Argument(RedisStoreOptions options) =>
        options.ServerClock is { } clock ? Double((clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10) : Servers;

    /// <summary>A number as the scripts read it.</summary>
    public static byte[] Double(double value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        return bytes;
    }
}

using System.Numerics;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>SipHash with 128-bit output as its paper tells it, byte by byte, for any number of rounds.</summary>
internal static class PlainSipHash
{
    public static (ulong Low, ulong High) Of(ulong k0, ulong k1, byte[] message, int rounds, int finalRounds)
    {
        ulong[] v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573];
        byte[] padded = [.. message, .. new byte[7 - (message.Length % 8)], (byte)message.Length];
        for (var i = 0; i < padded.Length; i += 8)
        {
            var word = BitConverter.ToUInt64(padded, i);
            v[3] ^= word;
            Mix(v, rounds);
            v[0] ^= word;
        }

        v[2] ^= 0xee;
        Mix(v, finalRounds);
        var low = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
        Mix(v, finalRounds);
        return (low, v[0] ^ v[1] ^ v[2] ^ v[3]);
    }

    private static void Mix(ulong[] v, int rounds)
    {
        for (var i = 0; i < rounds; i++)
        {
            v[0] += v[1];
            v[2] += v[3];
            v[1] = BitOperations.RotateLeft(v[1], 13) ^ v[0];
            v[3] = BitOperations.RotateLeft(v[3], 16) ^ v[2];
            v[0] = BitOperations.RotateLeft(v[0], 32);
            v[2] += v[1];
            v[0] += v[3];
            v[1] = BitOperations.RotateLeft(v[1], 17) ^ v[2];
            v[3] = BitOperations.RotateLeft(v[3], 21) ^ v[0];
            v[2] = BitOperations.RotateLeft(v[2], 32);
        }
    }
}

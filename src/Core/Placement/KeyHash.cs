using System.Buffers;
using System.IO.Hashing;
using System.Text;

namespace Tenfold.Placement;

/// <summary>
/// A 64-bit hash that is the same in every process, on every machine, in every version: XXH3 (Collet) of the UTF-8 bytes.
/// For placement, never against an adversary: it has no secret.
/// </summary>
/// <remarks>Thread-safe and without allocation for keys of up to 1 KiB.</remarks>
public static class KeyHash
{
    private const int StackBytes = 1024;

    /// <summary>Hashes a key; unpaired surrogates count as U+FFFD.</summary>
    public static ulong Of(ReadOnlySpan<char> key)
    {
        var most = Encoding.UTF8.GetMaxByteCount(key.Length);
        if (most <= StackBytes)
        {
            Span<byte> bytes = stackalloc byte[StackBytes];
            return XxHash3.HashToUInt64(bytes[..Encoding.UTF8.GetBytes(key, bytes)]);
        }

        var rented = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            return XxHash3.HashToUInt64(rented.AsSpan(0, Encoding.UTF8.GetBytes(key, rented)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Hashes a key's bytes.</summary>
    public static ulong Of(ReadOnlySpan<byte> key) => XxHash3.HashToUInt64(key);

    /// <summary>Mixes a hash with a number, so that every number gives an independent hash (SplitMix64's finalizer, Steele 2014).</summary>
    public static ulong Mix(ulong hash, ulong with)
    {
        var z = hash + ((with + 1) * 0x9E3779B97F4A7C15UL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}

using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Turns (limit, key) into 128 bits that stand for it in the embedded store: SipHash-1-3 with 128-bit output over the limit's id hash and the
/// key's UTF-8 (Aumasson and Bernstein, 2012).
/// </summary>
/// <remarks>
/// Keyed with a secret, so nobody can make two keys meet, or crowd a place in the table, without knowing it. SipHash and not an AES
/// construction: it is a pseudorandom function with fifteen years of analysis behind it, the 1-3 rounds are what Rust and CPython
/// trust for hash tables, and for the short keys of a limiter it costs as little as reduced-round AES, on every processor.
/// </remarks>
internal readonly struct EmbeddedKeyHash(ulong secret0, ulong secret1)
{
    /// <summary>Hashes a key given as text; unpaired surrogates count as U+FFFD.</summary>
    // Not inlined: the rounds are inlined here, and a caller's budget would not hold them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Hash(UInt128 limit, string key, out ulong low, out ulong high)
    {
        var state = new Sip(secret0, secret1);
        state.Absorb((ulong)limit);
        state.Absorb((ulong)(limit >> 64));
        ref var chars = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(key.AsSpan()));
        nuint at = 0;
        var left = key.Length;
        for (; left >= 8; left -= 8, at += 8)
        {
            var eight = Vector128.LoadUnsafe(ref chars, at);
            if ((eight & Vector128.Create((ushort)0xFF80)) != Vector128<ushort>.Zero)
            {
                HashTranscoded(limit, key, out low, out high);
                return;
            }

            state.Absorb(Vector128.Narrow(eight, eight).AsUInt64()[0]);
        }

        var tail = 0UL;
        uint all = 0;
        for (var i = 0; i < left; i++)
        {
            uint c = Unsafe.Add(ref chars, at + (nuint)i);
            all |= c;
            tail |= (ulong)c << (8 * i);
        }

        if (all > 0x7F)
        {
            HashTranscoded(limit, key, out low, out high);
            return;
        }

        state.Finish(tail, key.Length + 16, out low, out high);
    }

    /// <summary>Hashes a key given in UTF-8. Bytes that are no UTF-8 are a key of their own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Hash(UInt128 limit, ReadOnlySpan<byte> key, out ulong low, out ulong high)
    {
        var state = new Sip(secret0, secret1);
        state.Absorb((ulong)limit);
        state.Absorb((ulong)(limit >> 64));
        var length = key.Length;
        state.AbsorbWords(ref key);
        state.Finish(Tail(key), length + 16, out low, out high);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HashTranscoded(UInt128 limit, ReadOnlySpan<char> key, out ulong low, out ulong high)
    {
        var state = new Sip(secret0, secret1);
        state.Absorb((ulong)limit);
        state.Absorb((ulong)(limit >> 64));
        Span<byte> buffer = stackalloc byte[1024];
        var filled = 0;
        long length = 16;
        OperationStatus status;
        do
        {
            status = Utf8.FromUtf16(key, buffer[filled..], out var read, out var written, replaceInvalidSequences: true, isFinalBlock: true);
            key = key[read..];
            length += written;
            ReadOnlySpan<byte> words = buffer[..(filled + written)];
            state.AbsorbWords(ref words);
            filled = words.Length;
            words.CopyTo(buffer);
        }
        while (status == OperationStatus.DestinationTooSmall);
        state.Finish(Tail(buffer[..filled]), length, out low, out high);
    }

    private static ulong Tail(ReadOnlySpan<byte> bytes)
    {
        var tail = 0UL;
        for (var i = 0; i < bytes.Length; i++)
            tail |= (ulong)bytes[i] << (8 * i);
        return tail;
    }

    private struct Sip
    {
        private ulong _v0;
        private ulong _v1;
        private ulong _v2;
        private ulong _v3;

        public Sip(ulong k0, ulong k1)
        {
            _v0 = k0 ^ 0x736F6D6570736575;
            _v1 = k1 ^ 0x646F72616E646F6D ^ 0xEE;
            _v2 = k0 ^ 0x6C7967656E657261;
            _v3 = k1 ^ 0x7465646279746573;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Absorb(ulong word)
        {
            _v3 ^= word;
            Round();
            _v0 ^= word;
        }

        /// <summary>Absorbs all whole words and leaves the rest.</summary>
        public void AbsorbWords(ref ReadOnlySpan<byte> bytes)
        {
            while (bytes.Length >= 8)
            {
                Absorb(System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes));
                bytes = bytes[8..];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Finish(ulong tail, long length, out ulong low, out ulong high)
        {
            Absorb(tail | ((ulong)length << 56));
            _v2 ^= 0xEE;
            Round();
            Round();
            Round();
            low = _v0 ^ _v1 ^ _v2 ^ _v3;
            _v1 ^= 0xDD;
            Round();
            Round();
            Round();
            high = _v0 ^ _v1 ^ _v2 ^ _v3;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Round()
        {
            _v0 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
            _v0 = BitOperations.RotateLeft(_v0, 32);
            _v2 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
            _v0 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
            _v2 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
            _v2 = BitOperations.RotateLeft(_v2, 32);
        }
    }
}

using System.Buffers;
using System.Buffers.Binary;
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
    public void Hash(UInt128 limit, string key, out ulong low, out ulong high) => Hash(Begin(limit), key, out low, out high);

    /// <summary>Hashes a key given in UTF-8. Bytes that are no UTF-8 are a key of their own.</summary>
    public void Hash(UInt128 limit, ReadOnlySpan<byte> key, out ulong low, out ulong high) => Hash(Begin(limit), key, out low, out high);

    /// <summary>As for the limit's id hash, which is absorbed once a limit and not once a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Hash(Limit limit, string key, out ulong low, out ulong high)
    {
        if (limit.HashStart is { } start && start.IsOf(secret0, secret1))
            Hash(start.State, key, out low, out high);
        else
            Hash(BeginNew(limit), key, out low, out high);
    }

    /// <summary>As for the limit's id hash, which is absorbed once a limit and not once a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Hash(Limit limit, ReadOnlySpan<byte> key, out ulong low, out ulong high)
    {
        if (limit.HashStart is { } start && start.IsOf(secret0, secret1))
            Hash(start.State, key, out low, out high);
        else
            Hash(BeginNew(limit), key, out low, out high);
    }

    /// <summary>The first store to use a limit has its start kept there; any other begins anew each time, and allocates nothing.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Sip BeginNew(Limit limit)
    {
        var state = Begin(limit.IdHash);
        limit.HashStart ??= new EmbeddedHashStart(secret0, secret1, state);
        return state;
    }

    private Sip Begin(UInt128 limit)
    {
        var state = new Sip(secret0, secret1);
        state.Absorb((ulong)limit);
        state.Absorb((ulong)(limit >> 64));
        return state;
    }

    // Not inlined: the rounds are inlined here, and a caller's budget would not hold them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Hash(in Sip start, string key, out ulong low, out ulong high)
    {
        var state = new Sip(start);
        ref var chars = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(key.AsSpan()));
        var length = key.Length;
        var left = length & 7;
        ulong tail = 0;
        if (length >= 8)
        {
            var all = Vector128<ushort>.Zero;
            nuint at = 0;
            for (; at + 8 <= (nuint)length; at += 8)
            {
                var eight = Vector128.LoadUnsafe(ref chars, at);
                all |= eight;
                state.Absorb(Vector128.Narrow(eight, eight).AsUInt64().ToScalar());
            }

            if (left != 0)
            {
                // The last eight, of which some have been read already.
                var eight = Vector128.LoadUnsafe(ref chars, (nuint)length - 8);
                all |= eight;
                tail = Vector128.Narrow(eight, eight).AsUInt64().ToScalar() >> (64 - (8 * left));
            }

            if ((all & Vector128.Create((ushort)0xFF80)) != Vector128<ushort>.Zero)
            {
                HashTranscoded(start, key, out low, out high);
                return;
            }
        }
        else if (!TryReadFew(ref chars, length, out tail))
        {
            HashTranscoded(start, key, out low, out high);
            return;
        }

        state.Finish(tail, length + 16, out low, out high);
    }

    /// <summary>Reads fewer than eight characters, or answers false when one is not ASCII.</summary>
    private static bool TryReadFew(ref ushort chars, int length, out ulong tail)
    {
        uint all = 0;
        tail = 0;
        for (var i = 0; i < length; i++)
        {
            uint c = Unsafe.Add(ref chars, i);
            all |= c;
            tail |= (ulong)c << (8 * i);
        }

        return all <= 0x7F;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Hash(in Sip start, ReadOnlySpan<byte> key, out ulong low, out ulong high)
    {
        var state = new Sip(start);
        ref var bytes = ref MemoryMarshal.GetReference(key);
        var length = key.Length;
        var left = length & 7;
        ulong tail;
        if (length >= 8)
        {
            nint at = 0;
            for (; at + 8 <= length; at += 8)
                state.Absorb(Word(ref bytes, at));
            tail = left == 0 ? 0 : Word(ref bytes, length - 8) >> (64 - (8 * left));
        }
        else
        {
            tail = Tail(key);
        }

        state.Finish(tail, length + 16, out low, out high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Word(ref byte bytes, nint at)
    {
        var word = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref bytes, at));
        return BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void HashTranscoded(in Sip start, ReadOnlySpan<char> key, out ulong low, out ulong high)
    {
        var state = new Sip(start);
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

    /// <summary>SipHash-1-3 with 128 bits of output, between two words.</summary>
    internal struct Sip
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

        /// <summary>Copies word by word, into registers: a copy of the whole cost 8 ns more a decision.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Sip(in Sip other)
        {
            _v0 = other._v0;
            _v1 = other._v1;
            _v2 = other._v2;
            _v3 = other._v3;
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
                Absorb(BinaryPrimitives.ReadUInt64LittleEndian(bytes));
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

/// <summary>A hash that has absorbed a limit's id and waits for the key.</summary>
internal sealed class EmbeddedHashStart(ulong secret0, ulong secret1, EmbeddedKeyHash.Sip state)
{
    public readonly EmbeddedKeyHash.Sip State = state;

    /// <summary>Whether it was begun with this secret.</summary>
    public bool IsOf(ulong first, ulong second) => secret0 == first && secret1 == second;
}

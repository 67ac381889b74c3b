using System.Numerics;
using Tenfold.Placement;

namespace Tenfold;

/// <summary>
/// Randomness that a seed repeats, the same on every machine and version: xoshiro256** (Blackman and Vigna, 2018) seeded by SplitMix64.
/// <see cref="Fork"/> gives each part of a simulation its own stream, so that a change in one does not shift the others.
/// </summary>
/// <remarks>Not thread-safe: fork one a thread. Not for secrets.</remarks>
public sealed class SeededRandom : Random
{
    private ulong _s0, _s1, _s2, _s3;

    /// <summary>Creates a source.</summary>
    public SeededRandom(ulong seed)
        : base(0)
    {
        Seed = seed;
        _s0 = KeyHash.Mix(seed, 0);
        _s1 = KeyHash.Mix(seed, 1);
        _s2 = KeyHash.Mix(seed, 2);
        _s3 = KeyHash.Mix(seed, 3);
    }

    /// <summary>What repeats this source: print it with a failure.</summary>
    public ulong Seed { get; }

    /// <summary>An independent source that depends on this one's seed and the name alone, not on what was drawn.</summary>
    public SeededRandom Fork(string name) => new(KeyHash.Mix(KeyHash.Of(name), Seed));

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64()
    {
        var result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        var t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>An exponentially distributed value (times between arrivals of a Poisson stream).</summary>
    public double NextExponential(double mean) => -mean * Math.Log(1 - NextDouble());

    /// <inheritdoc/>
    public override double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <inheritdoc/>
    public override float NextSingle() => (NextUInt64() >> 40) * (1.0f / (1 << 24));

    /// <inheritdoc/>
    public override int Next() => Next(int.MaxValue);

    /// <inheritdoc/>
    public override int Next(int maxValue) => (int)NextInt64(maxValue);

    /// <inheritdoc/>
    public override int Next(int minValue, int maxValue) => (int)NextInt64(minValue, maxValue);

    /// <inheritdoc/>
    public override long NextInt64() => NextInt64(long.MaxValue);

    /// <inheritdoc/>
    public override long NextInt64(long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxValue);
        return (long)NextBelow((ulong)maxValue);
    }

    /// <inheritdoc/>
    public override long NextInt64(long minValue, long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minValue, maxValue);
        return unchecked((long)((ulong)minValue + NextBelow((ulong)maxValue - (ulong)minValue)));
    }

    /// <inheritdoc/>
    public override void NextBytes(byte[] buffer) => NextBytes(buffer.AsSpan());

    /// <inheritdoc/>
    public override void NextBytes(Span<byte> buffer)
    {
        while (buffer.Length >= sizeof(ulong))
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(buffer, NextUInt64());
            buffer = buffer[sizeof(ulong)..];
        }

        if (buffer.IsEmpty)
            return;
        Span<byte> last = stackalloc byte[sizeof(ulong)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(last, NextUInt64());
        last[..buffer.Length].CopyTo(buffer);
    }

    /// <inheritdoc/>
    protected override double Sample() => NextDouble();

    /// <summary>Uniform in [0, bound) without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019); 0 for bound 0.</summary>
    private ulong NextBelow(ulong bound)
    {
        if (bound == 0)
            return 0;
        var high = Math.BigMul(NextUInt64(), bound, out var low);
        if (low < bound)
        {
            var threshold = unchecked(0UL - bound) % bound;
            while (low < threshold)
                high = Math.BigMul(NextUInt64(), bound, out low);
        }

        return high;
    }
}

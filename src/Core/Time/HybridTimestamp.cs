using System.Globalization;

namespace Tenfold.Time;

/// <summary>
/// A point in hybrid logical time: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16, so that plain comparison
/// of <see cref="Value"/> orders events.
/// </summary>
/// <param name="Value">The packed value.</param>
public readonly record struct HybridTimestamp(ulong Value) : IComparable<HybridTimestamp>
{
    /// <summary>The greatest counter within one millisecond.</summary>
    public const int MaxCounter = 0xFFFF;

    /// <summary>Packs a time and a counter.</summary>
    public HybridTimestamp(long unixMilliseconds, int counter)
        : this(((ulong)unixMilliseconds << 16) | (uint)counter)
    {
    }

    /// <summary>The physical part, in milliseconds since 1970.</summary>
    public long UnixMilliseconds => (long)(Value >> 16);

    /// <summary>The logical part: orders events of one millisecond.</summary>
    public int Counter => (int)(Value & MaxCounter);

    /// <inheritdoc/>
    public int CompareTo(HybridTimestamp other) => Value.CompareTo(other.Value);

    /// <summary>Whether <paramref name="left"/> comes before.</summary>
    public static bool operator <(HybridTimestamp left, HybridTimestamp right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> comes after.</summary>
    public static bool operator >(HybridTimestamp left, HybridTimestamp right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> comes before or is the same.</summary>
    public static bool operator <=(HybridTimestamp left, HybridTimestamp right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> comes after or is the same.</summary>
    public static bool operator >=(HybridTimestamp left, HybridTimestamp right) => left.Value >= right.Value;

    /// <summary>As <c>2026-11-24T08:00:00.000Z+3</c>.</summary>
    public override string ToString() =>
        DateTimeOffset.FromUnixTimeMilliseconds(UnixMilliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture) + "+" + Counter;
}

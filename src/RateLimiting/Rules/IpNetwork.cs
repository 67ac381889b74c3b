using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Tenfold.RateLimiting.Rules;

/// <summary>A network of addresses, or one address. IPv4 is held as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so that both spellings are one.</summary>
/// <param name="Prefix">The network's first address.</param>
/// <param name="Length">Bits that count, of 128.</param>
internal readonly record struct IpNetwork(UInt128 Prefix, int Length)
{
    private static readonly UInt128 MappedPrefix = new(0, 0xFFFF_0000_0000);

    /// <summary>Reads <c>10.0.0.0/8</c>, <c>2001:db8::/32</c> or one address. Says what is wrong when it cannot.</summary>
    public static bool TryParse(string text, out IpNetwork network, [NotNullWhen(false)] out string? fault)
    {
        network = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var addressText = slash < 0 ? text : text[..slash];
        if (!IPAddress.TryParse(addressText, out var address))
        {
            fault = $"'{text}' is no address or network: write 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1";
            return false;
        }

        var isV4 = address.AddressFamily == AddressFamily.InterNetwork;
        var bits = isV4 ? 32 : 128;
        var length = bits;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) || length > bits))
        {
            fault = $"'{text}': the prefix must be 0 to {bits}";
            return false;
        }

        var full = isV4 ? length + 96 : length;
        var value = ToNumber(address);
        network = new IpNetwork(value & Mask(full), full);
        if (network.Prefix != value)
        {
            fault = $"'{text}' has bits set beyond its prefix: write {network}";
            return false;
        }

        fault = null;
        return true;
    }

    /// <summary>Reads an address, with or without a port; false when the text is none.</summary>
    public static bool TryParseAddress(string? text, out UInt128 address)
    {
        if (text is { Length: > 0 and <= 64 } && (IPAddress.TryParse(text, out var plain) || WithPort(text, out plain)))
        {
            address = ToNumber(plain);
            return true;
        }

        address = default;
        return false;
    }

    /// <summary>The address as a number; IPv4 as IPv4-mapped IPv6.</summary>
    public static UInt128 ToNumber(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            address.TryWriteBytes(bytes, out _);
            return MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes);
        }

        address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>Under which name an address's use is counted: IPv4 as it is, IPv6 by its /64.</summary>
    public static string KeyOf(UInt128 address) =>
        IsV4(address) ? ToAddress(address).ToString() : new IpNetwork(address & Mask(64), 64).ToString();

    /// <summary>Whether the address is in the network.</summary>
    public bool Contains(UInt128 address) => (address & Mask(Length)) == Prefix;

    /// <summary>The bits that count, as a mask.</summary>
    public static UInt128 Mask(int length) => length == 0 ? 0 : UInt128.MaxValue << (128 - length);

    /// <summary>As people write it.</summary>
    public override string ToString()
    {
        var isV4 = Length >= 96 && IsV4(Prefix);
        return string.Create(CultureInfo.InvariantCulture, $"{ToAddress(Prefix, isV4)}/{(isV4 ? Length - 96 : Length)}");
    }

    private static bool IsV4(UInt128 address) => (address & ~(UInt128)uint.MaxValue) == MappedPrefix;

    private static IPAddress ToAddress(UInt128 address) => ToAddress(address, IsV4(address));

    private static IPAddress ToAddress(UInt128 address, bool isV4)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, address);
        return new IPAddress(isV4 ? bytes[12..] : bytes);
    }

    private static bool WithPort(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = IPEndPoint.TryParse(text, out var endPoint) ? endPoint.Address : null;
        return address is not null;
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Tenfold.Server.Listening;

/// <summary>An address to listen on, as people write it: <c>127.0.0.1:7070</c>, <c>[::1]:0</c>, <c>localhost:80</c>, <c>*:7070</c>, <c>7070</c>.</summary>
internal sealed record ListenAddress(IPAddress Address, int Port)
{
    public bool IsLoopback => IPAddress.IsLoopback(Address);

    public IPEndPoint EndPoint => new(Address, Port);

    /// <summary>Reads an address. Names other than localhost are refused: they may stand for several addresses, or for none.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ListenAddress? address, [NotNullWhen(false)] out string? fault)
    {
        address = null;
        text = text?.Trim() ?? "";
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "127.0.0.1" : text[..colon];
        var digits = text[(colon + 1)..];
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > 65535)
        {
            fault = "must be address:port, as 127.0.0.1:7070, with a port of 0-65535 (0 takes a free one)";
            return false;
        }

        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1];
        else if (host.Contains(':'))
            host = "?";
        var ip = host switch
        {
            "localhost" => IPAddress.Loopback,
            "*" or "" => IPAddress.IPv6Any,
            _ => IPAddress.TryParse(host, out var parsed) ? parsed : null,
        };
        fault = ip is null ? "must start with an IP address, 'localhost' or '*', as 127.0.0.1:7070 or [::1]:7070" : null;
        address = ip is null ? null : new ListenAddress(ip, port);
        return fault is null;
    }

    public override string ToString() => EndPoint.ToString();
}

using System.Net;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Reads a <c>redis://</c> address into the client's options.</summary>
internal static class RedisAddress
{
    private const int DefaultPort = 6379;
    private const string Form = "write redis://user:password@host:6379/0";

    /// <summary>Says what is wrong with an address, or null. Never shows its password.</summary>
    public static string? Check(string address)
    {
        try
        {
            Parse(address);
            return null;
        }
        catch (FormatException fault)
        {
            return fault.Message;
        }
    }

    /// <exception cref="FormatException">The address cannot be read; the message says why and what one looks like.</exception>
    public static ConfigurationOptions Parse(string address)
    {
        if (!EngineAddress.TryParse(address, out var engine) || engine.Scheme is not ("redis" or "rediss"))
            throw new FormatException($"this is no Redis address: {Form}");

        var options = new ConfigurationOptions { Ssl = engine.Scheme == "rediss" };
        var rest = engine.Rest;
        var at = rest.LastIndexOf('@');
        if (at >= 0)
        {
            var colon = rest.IndexOf(':', StringComparison.Ordinal);
            if (colon > at)
                colon = -1;
            var user = colon < 0 ? "" : rest[..colon];
            if (user.Length > 0)
                options.User = Uri.UnescapeDataString(user);
            options.Password = Uri.UnescapeDataString(rest[(colon + 1)..at]);
            rest = rest[(at + 1)..];
        }

        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            var database = rest[(slash + 1)..];
            if (database.Length > 0)
            {
                if (!int.TryParse(database, out var number) || number is < 0 or > 16_383)
                    throw new FormatException($"what follows the host and '/' is no database number of 0-16383: {Form}");
                options.DefaultDatabase = number;
            }

            rest = rest[..slash];
        }

        foreach (var host in rest.Split(','))
            options.EndPoints.Add(EndPointOf(host));
        return options;
    }

    private static EndPoint EndPointOf(string host)
    {
        if (IPEndPoint.TryParse(host, out var address))
            return address.Port == 0 ? new IPEndPoint(address.Address, DefaultPort) : address;
        var colon = host.LastIndexOf(':');
        var port = DefaultPort;
        if (colon >= 0 && (!int.TryParse(host[(colon + 1)..], out port) || port is < 1 or > 65_535))
            throw new FormatException($"what follows the host's name and ':' is no port of 1-65535 (it is not shown, since it may be a password): {Form}");
        var name = colon >= 0 ? host[..colon] : host;
        if (Uri.CheckHostName(name) == UriHostNameType.Unknown)
            throw new FormatException($"there is no host, or its name has signs that no host's name has: {Form}");
        return new DnsEndPoint(name, port);
    }
}

using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tenfold.Server.Listening;

/// <summary>Where the server listens, with the ports that it was really given. Complete once the host has started.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class BoundAddresses(IEnumerable<ITenfoldSystem> systems)
{
    private readonly Dictionary<string, (ListenOptions Listener, string Scheme)> _listeners = [];

    /// <summary>The console's and the HTTP API's base address, as <c>http://127.0.0.1:7070</c>.</summary>
    public string Http => Url("http");

    /// <summary>gRPC's base address.</summary>
    public string Grpc => Url("grpc");

    /// <summary>Every listener: protocol to address, the systems' own included.</summary>
    public IReadOnlyDictionary<string, string> All
    {
        get
        {
            var all = new Dictionary<string, string>(StringComparer.Ordinal) { ["http"] = Http, ["grpc"] = Grpc };
            foreach (var system in systems)
            {
                foreach (var (protocol, address) in system.GetStatus().Addresses)
                    all.TryAdd(protocol, address);
            }

            return all;
        }
    }

    internal void Add(string protocol, ListenOptions listener, bool tls) => _listeners[protocol] = (listener, tls ? "https" : "http");

    private string Url(string protocol)
    {
        var (listener, scheme) = _listeners[protocol];
        var end = listener.IPEndPoint!;
        // A wildcard is no address to call: show the one that this machine can use.
        if (end.Address.Equals(IPAddress.IPv6Any) || end.Address.Equals(IPAddress.Any))
            end = new IPEndPoint(IPAddress.Loopback, end.Port);
        return $"{scheme}://{end}";
    }
}

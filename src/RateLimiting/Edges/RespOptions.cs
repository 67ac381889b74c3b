using System.Net;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The limiter's Redis-protocol face: <c>Tenfold:RateLimiting:Resp</c>.</summary>
public sealed class RespOptions
{
    /// <summary>Whether it listens. Default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>IP address and port. Default 127.0.0.1:7380, this machine only; port 0 takes a free one.</summary>
    public string Address { get; set; } = "127.0.0.1:7380";

    /// <summary>The most connections at a time, 1 to 100,000; one more is told so and closed. Default 10,000, as Redis.</summary>
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>
    /// The most bytes of one command, 1,024 to 16,777,216; a longer one is refused as soon as its length is seen, and the connection
    /// closed. Default 65,536: far above any sensible key, and bounds the memory of a connection.
    /// </summary>
    public int MaxRequestBytes { get; set; } = 65_536;

    /// <summary>The password of the user <c>default</c> (<c>AUTH password</c>). Default none.</summary>
    public string? Password { get; set; }

    /// <summary>Further users, name to password (<c>AUTH name password</c>). Default none.</summary>
    public IDictionary<string, string> Users { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// Lets clients of other machines in without a password. Default false: then an <see cref="Address"/> beyond this machine needs one.
    /// </summary>
    public bool AllowWithoutPassword { get; set; }

    internal bool RequiresAuthentication => !string.IsNullOrEmpty(Password) || Users.Count > 0;

    /// <summary>Says what is wrong, one sentence a fault, each with the option's path, its value and what is allowed.</summary>
    /// <param name="path">The path of these options: <c>Tenfold:RateLimiting:Resp</c>.</param>
    internal IEnumerable<string> Faults(string path)
    {
        if (!TryGetEndPoint(out var endPoint))
            yield return $"{path}:Address = {Address}: must be an IP address and a port, as 127.0.0.1:7380 or [::1]:7380";
        else if (Enabled && !IPAddress.IsLoopback(endPoint.Address) && !RequiresAuthentication && !AllowWithoutPassword)
            yield return $"{path}:Address = {Address}: reachable from other machines without a password; set {path}:Password (or AllowWithoutPassword)";
        if (MaxConnections is < 1 or > 100_000)
            yield return $"{path}:MaxConnections = {MaxConnections}: must be 1-100000";
        if (MaxRequestBytes is < 1024 or > 16_777_216)
            yield return $"{path}:MaxRequestBytes = {MaxRequestBytes}: must be 1024-16777216";
        foreach (var (name, password) in Users)
        {
            if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(password))
                yield return $"{path}:Users:{name}: a user needs a name and a password";
        }
    }

    internal bool TryGetEndPoint(out IPEndPoint endPoint)
    {
        // IPEndPoint.TryParse takes a bare address as port 0, which nobody means.
        var parsed = IPEndPoint.TryParse(Address, out var found) && Address.Contains(':', StringComparison.Ordinal);
        endPoint = found ?? new IPEndPoint(IPAddress.Loopback, 0);
        return parsed;
    }
}

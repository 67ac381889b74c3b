using System.Security.Cryptography;
using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Who may speak to the Redis-protocol face.</summary>
/// <remarks>
/// Immutable. Digests are compared in constant time, and an unknown name costs as much as a wrong password, so that neither a
/// password's length nor a user's existence shows in the time taken.
/// </remarks>
internal sealed class RespCredentials
{
    private const string DefaultUser = "default";

    private static readonly byte[] Nobody = SHA256.HashData("nobody's password"u8);

    private readonly Dictionary<string, byte[]> _users = new(StringComparer.Ordinal);

    public RespCredentials(RespOptions options)
    {
        foreach (var (name, password) in options.Users)
            _users[name] = Digest(Encoding.UTF8.GetBytes(password));
        if (!string.IsNullOrEmpty(options.Password))
            _users[DefaultUser] = Digest(Encoding.UTF8.GetBytes(options.Password));
    }

    /// <summary>Whether commands need a login first.</summary>
    public bool Required => _users.Count > 0;

    /// <summary>Whether the password is the user's.</summary>
    public bool Accepts(ReadOnlySpan<byte> user, ReadOnlySpan<byte> password)
    {
        var known = _users.TryGetValue(Encoding.UTF8.GetString(user), out var digest);
        return CryptographicOperations.FixedTimeEquals(Digest(password), known ? digest : Nobody) && known;
    }

    /// <summary>Whether the password is the default user's.</summary>
    public bool Accepts(ReadOnlySpan<byte> password) => Accepts("default"u8, password);

    private static byte[] Digest(ReadOnlySpan<byte> password) => SHA256.HashData(password);
}

using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Tenfold.Server.Authentication;

/// <summary>Finds whose key was presented.</summary>
/// <remarks>Keys are 256 random bits, so a plain SHA-256 of them cannot be searched; passwords would need a slow hash. Thread-safe.</remarks>
internal sealed class ApiKeyTable
{
    private const int LongestKey = 512;

    private readonly IOptionsMonitor<ServerOptions> _options;
    private volatile IReadOnlyList<ApiKeyOptions> _keys;

    public ApiKeyTable(IOptionsMonitor<ServerOptions> options, IConfiguration configuration)
    {
        _options = options;
        _keys = [.. options.CurrentValue.ApiKeys];
        ChangeToken.OnChange(configuration.GetReloadToken, Reload);
    }

    /// <summary>The key's owner, or null. Every entry is compared, in constant time, whichever matches.</summary>
    public ApiKeyOptions? Find(ReadOnlySpan<char> presented)
    {
        if (presented.Length is 0 or > LongestKey)
            return null;
        Span<byte> utf8 = stackalloc byte[Encoding.UTF8.GetMaxByteCount(LongestKey)];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(presented, utf8)], hash);
        Span<byte> expected = stackalloc byte[SHA256.HashSizeInBytes];
        ApiKeyOptions? found = null;
        foreach (var key in _keys)
        {
            if (Convert.FromHexString(key.Sha256, expected, out _, out var written) != System.Buffers.OperationStatus.Done || written != expected.Length)
                continue;
            if (CryptographicOperations.FixedTimeEquals(hash, expected))
                found = key;
        }

        return found;
    }

    /// <summary>A new key and the hash by which it is configured.</summary>
    public static (string Key, string Sha256) Create()
    {
        var key = "tf_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        return (key, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))));
    }

    // Keys change without a restart. Faulty new ones change nothing.
    private void Reload()
    {
        try
        {
            _keys = [.. _options.CurrentValue.ApiKeys];
        }
        catch (OptionsValidationException)
        {
            // The last good keys stand.
        }
    }
}

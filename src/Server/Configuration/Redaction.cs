using System.Text.RegularExpressions;

namespace Tenfold.Server.Configuration;

/// <summary>Keeps secrets out of whatever is shown.</summary>
internal static partial class Redaction
{
    public const string Mask = "***";

    private static readonly string[] SecretNames = ["password", "secret", "sha256", "token", "connectionstring", "jwt:key"];

    /// <summary>The value as it may be shown: masked when its name says secret, without the user part when it is an address.</summary>
    public static string? Apply(string path, string? value)
    {
        if (string.IsNullOrEmpty(value))
            return value;
        var secret = SecretNames.Any(n => path.EndsWith(n, StringComparison.OrdinalIgnoreCase));
        return secret ? Mask : UserPart().Replace(value, m => m.Groups["slashes"].Success ? $"//{Mask}@" : $"{m.Groups["name"].Value}{Mask}");
    }

    // Redis' own form host:6379,password=x is caught too.
    [GeneratedRegex("(?<slashes>//)[^/@]+@|(?<name>(^|,)password=)[^,]*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex UserPart();
}

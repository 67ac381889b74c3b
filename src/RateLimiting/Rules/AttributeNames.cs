namespace Tenfold.RateLimiting.Rules;

/// <summary>The attributes whose values are more than text, and how values are brought to one spelling.</summary>
internal static class AttributeNames
{
    /// <summary>The longest name of an attribute, in characters.</summary>
    public const int MaxLength = 128;

    public const string Domain = "domain";
    public const string Path = "path";
    public const string Method = "method";
    public const string Ip = "ip";
    public const string Tenant = "tenant";
    public const string Tier = "tier";
    public const string User = "user";
    public const string Key = "key";

    /// <summary>The well-known ones, in the order in which people read them.</summary>
    public static IReadOnlyList<string> WellKnown { get; } = [Domain, Method, Path, Ip, Tenant, Tier, User, Key];

    public static bool IsIp(string name) => name.Equals(Ip, StringComparison.OrdinalIgnoreCase);

    public static bool IsPath(string name) => name.Equals(Path, StringComparison.OrdinalIgnoreCase);

    /// <summary>Routing ignores the case of paths and methods, so a limit must: else <c>/API/x</c> walks around <c>/api/*</c>.</summary>
    public static bool IgnoresCase(string name) => IsPath(name) || name.Equals(Method, StringComparison.OrdinalIgnoreCase);

    /// <summary>One spelling for values that mean the same: a path without its trailing slash.</summary>
    public static string? Normalise(string name, string? value) =>
        value is { Length: > 1 } && value[^1] == '/' && IsPath(name) ? TrimSlashes(value) : value;

    /// <summary>The value as it is counted: normalised, path and method in one case, IPv6 by /64.</summary>
    public static string KeyPart(string name, string value)
    {
        if (IsIp(name))
            return IpNetwork.TryParseAddress(value, out var address) ? IpNetwork.KeyOf(address) : value;
        if (IsPath(name))
            return value.ToLowerInvariant();
        return name.Equals(Method, StringComparison.OrdinalIgnoreCase) ? value.ToUpperInvariant() : value;
    }

    private static string TrimSlashes(string path)
    {
        var trimmed = path.TrimEnd('/');
        return trimmed.Length == 0 ? "/" : trimmed;
    }
}

namespace Tenfold.Server.Authentication;

/// <summary>What a caller may do. Each scope includes those before it.</summary>
internal static class Scope
{
    public const string Read = "read";
    public const string Write = "write";
    public const string Admin = "admin";

    public const string ClaimType = "scope";
    public const string TenantClaimType = "tenant";

    private static readonly PathString[] ForOneTenant =
        ["/api/rate-limiter/acquire", "/api/rate-limiter/reservations", "/api/rate-limiter/explain"];

    public static readonly string[] All = [Read, Write, Admin];

    /// <summary>Whether a caller with <paramref name="held"/> scopes may do what needs <paramref name="needed"/>.</summary>
    public static bool Allows(IEnumerable<string> held, string needed) =>
        held.Any(h => Array.IndexOf(All, h) >= Array.IndexOf(All, needed));

    /// <summary>
    /// Whether a caller that speaks for one tenant may ask this at all: what it asks is bound to its tenant, where all else would show or
    /// change what belongs to every tenant.
    /// </summary>
    public static bool IsForOneTenant(HttpRequest request) => Array.Exists(
        ForOneTenant, path => request.Path.StartsWithSegments(path, StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// What a request needs. Deciding charges limits, so it is a write even by GET; asking why is a read even by POST.
    /// </summary>
    public static string NeededFor(HttpRequest request)
    {
        if (request.Path.StartsWithSegments("/api/configuration", StringComparison.OrdinalIgnoreCase))
            return Admin;
        if (request.Path.StartsWithSegments("/api/rate-limiter/acquire", StringComparison.OrdinalIgnoreCase))
            return Write;
        if (request.Path.StartsWithSegments("/api/rate-limiter/explain", StringComparison.OrdinalIgnoreCase) || request.Path.StartsWithSegments("/api/rate-limiter/replay", StringComparison.OrdinalIgnoreCase))
            return Read;
        return HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method) ? Read : Write;
    }
}

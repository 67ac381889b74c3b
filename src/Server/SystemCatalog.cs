using Microsoft.Extensions.Options;
using Tenfold.RateLimiting;

namespace Tenfold.Server;

/// <summary>The systems that this host can run: how each is named, configured, added and mapped.</summary>
internal static class SystemCatalog
{
    public static IReadOnlyList<SystemEntry> All { get; } =
    [
        new("rate-limiter", RateLimitingOptions.Section, typeof(RateLimitingOptions), AddRateLimiter, MapRateLimiter),
    ];

    public static IEnumerable<string> Names => All.Select(s => s.Name);

    /// <summary>The systems that the options leave switched on.</summary>
    public static IEnumerable<SystemEntry> Enabled(ServerOptions options) =>
        All.Where(s => (options.Only.Count == 0 || options.Only.Contains(s.Name)) && !options.Without.Contains(s.Name));

    private static void AddRateLimiter(IServiceCollection services, IConfiguration configuration) =>
        services.AddTenfoldRateLimiting(configuration).AddTenfoldRateLimitingResp().AddTenfoldRateLimitingGrpc()
            .AddOptions<RateLimitingOptions>().PostConfigure<IOptions<ServerOptions>>(KeepInDataDirectory);

    // What a system keeps lies together, wherever the server was started from.
    private static void KeepInDataDirectory(RateLimitingOptions options, IOptions<ServerOptions> server)
    {
        if (!string.IsNullOrWhiteSpace(options.Embedded.JournalPath) && !string.IsNullOrWhiteSpace(server.Value.DataDirectory))
            options.Embedded.JournalPath = Path.GetFullPath(options.Embedded.JournalPath, server.Value.DataDirectory);
    }

    private static void MapRateLimiter(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapTenfoldRateLimiting();
        endpoints.MapTenfoldRateLimitingGrpc();
    }
}

/// <summary>A system as the host sees it.</summary>
/// <param name="Name">Its one spelling in commands and URLs.</param>
/// <param name="Section">Where its settings stand.</param>
/// <param name="Options">The type that they are read into.</param>
/// <param name="Add">Adds its services.</param>
/// <param name="Map">Maps its endpoints.</param>
internal sealed record SystemEntry(
    string Name, string Section, Type Options, Action<IServiceCollection, IConfiguration> Add, Action<IEndpointRouteBuilder> Map);

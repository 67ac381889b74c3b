using Tenfold.Server.Configuration;

namespace Tenfold.Server.Api;

/// <summary><c>GET /api/configuration</c>: every setting in effect and where it comes from, without secrets.</summary>
internal static class ConfigurationEndpoints
{
    public static void MapConfiguration(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/configuration", (TenfoldConfiguration configuration) => ConfigurationReport.Of(configuration.Root));
}

using System.Runtime.InteropServices;
using Tenfold.Server.Lifetime;
using Tenfold.Server.Listening;

namespace Tenfold.Server.Api;

/// <summary><c>GET /api/info</c>: which server this is.</summary>
internal static class InfoEndpoints
{
    public static void MapInfo(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/info", (RunningServer server, DataDirectory data, BoundAddresses addresses) => new
        {
            version = TenfoldHost.Version,
            startedAt = server.StartedAt,
            dataDirectory = data.Path,
            addresses = addresses.All,
            machine = new
            {
                processors = Environment.ProcessorCount,
                memoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                os = RuntimeInformation.OSDescription,
            },
        });
}

namespace Tenfold.Server.Api;

/// <summary><c>GET /api/systems</c> and, once a second, <c>GET /api/live</c>: what runs here and how it fares.</summary>
internal static class SystemEndpoints
{
    public static void MapSystems(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/systems", (IEnumerable<ITenfoldSystem> systems) => Read(systems));
        endpoints.MapGet("/api/live", (HttpContext context, IEnumerable<ITenfoldSystem> systems) => EventStream.EachSecond(context, "systems", () => Read(systems)));
    }

    private static List<SystemView> Read(IEnumerable<ITenfoldSystem> systems) =>
        [.. systems.Select(system =>
        {
            var status = system.GetStatus();
            var health = status.Health switch
            {
                SystemHealth.Healthy => "healthy",
                SystemHealth.Degraded => "degraded",
                _ => "unhealthy",
            };
            return new SystemView(system.Name, system.Title, system.Promise, health, status.Engine, status.Detail, status.Addresses, status.Figures);
        })];

    private sealed record SystemView(
        string Name,
        string Title,
        string Promise,
        string Health,
        string Engine,
        string? Detail,
        IReadOnlyDictionary<string, string> Addresses,
        IReadOnlyList<SystemFigure> Figures);
}

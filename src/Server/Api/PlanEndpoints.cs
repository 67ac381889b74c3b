using Tenfold.Planner;
using Tenfold.Server.Errors;
using Tenfold.Server.Lifetime;

namespace Tenfold.Server.Api;

/// <summary><c>GET /api/plans/{system}?users=10M</c>: the fleet and the bill, line by line, from the latest lab record where there is one.</summary>
internal static class PlanEndpoints
{
    public static void MapPlans(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/plans/{system}", async (HttpContext context, DataDirectory data, string system) =>
        {
            if (ModelCatalog.Find(system) is not { } model)
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                await Problems.WriteAsync(context, $"There is no plan for '{system}': one of {string.Join(", ", ModelCatalog.All.Select(m => m.System))}.");
                return;
            }

            try
            {
                var settings = context.Request.Query.Select(q => KeyValuePair.Create(q.Key, q.Value.ToString()));
                var plan = model.Make(new PlanRequest { Set = model.ParseSettings(settings), Record = LabFigures.Latest(data.Path, model.Scenario) });
                context.Response.ContentType = "application/json; charset=utf-8";
                await context.Response.WriteAsync(PlanText.ToJson(plan), context.RequestAborted);
            }
            catch (PlannerException fault)
            {
                context.Response.StatusCode = StatusCodes.Status400BadRequest;
                await Problems.WriteAsync(context, fault.Message);
            }
        });
}

using Markdig;
using Tenfold.Server.Errors;

namespace Tenfold.Server.Api;

/// <summary><c>GET /api/runbooks/{system}</c>: the system's page from <c>docs/systems</c>, which is built into this assembly.</summary>
internal static class RunbookEndpoints
{
    // Raw HTML stays text: the page is shown inside the console.
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseAutoIdentifiers().DisableHtml().Build();

    public static void MapRunbooks(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/runbooks/{system}", async (HttpContext context, string system) =>
        {
            await using var page = typeof(RunbookEndpoints).Assembly.GetManifestResourceStream($"docs/systems/{system}.md");
            if (page is null)
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                await Problems.WriteAsync(context, $"There is no page on '{system}': GET /api/systems names the systems.");
                return;
            }

            using var reader = new StreamReader(page);
            var markdown = await reader.ReadToEndAsync(context.RequestAborted);
            var title = markdown.Split('\n').FirstOrDefault(l => l.StartsWith("# ", StringComparison.Ordinal))?[2..].Trim() ?? system;
            await context.Response.WriteAsJsonAsync(new { title, html = Markdown.ToHtml(markdown, Pipeline), markdown });
        });
}

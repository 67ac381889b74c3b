using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: in an application of one's own, the console works below any path.</summary>
public sealed class ConsoleMountTests(ConsoleBrowser browser) : IClassFixture<ConsoleBrowser>
{
    private const string Systems =
        """[{"name":"rate-limiter","title":"Rate limiter","promise":"Mounted.","health":"degraded","engine":"embedded:","detail":"It is a drill.","addresses":{},"figures":[]}]""";

    [Theory]
    [InlineData("/ops", "ops")]
    [InlineData("/internal/tenfold", "internal/tenfold/")]
    public async Task The_page_finds_its_files_and_its_api(string mount, string link)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapTenfoldConsole(mount);
        app.MapGet("/api/live", async (HttpContext context) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync($"event: systems\ndata: {Systems}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            // Stays open until the page leaves.
            var left = new TaskCompletionSource();
            await using var leaving = context.RequestAborted.Register(left.SetResult);
            await left.Task;
        });
        await app.StartAsync(TestContext.Current.CancellationToken);

        await using var window = await browser.OpenAsync(new Uri(app.Urls.Single()));
        await window.GoAsync(link + "#/");
        await Expect(window.Page.GetByRole(AriaRole.Article)).ToContainTextAsync("It is a drill.");
        await Expect(window.Text("1 of 1 system needs a look: Rate limiter.")).ToBeVisibleAsync();
        Assert.EndsWith($"{mount}/#/", window.Page.Url, StringComparison.Ordinal);
    }
}

using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: how the console's files are served, at the root and elsewhere.</summary>
public sealed class ConsoleEndpointsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/", "/", "api/")]
    [InlineData("/ops", "/ops/", "../api/")]
    [InlineData("/internal/tenfold/", "/internal/tenfold/", "../../api/")]
    public async Task The_page_and_all_that_it_names_are_served_wherever_it_is_mounted(string mount, string page, string api)
    {
        await using var app = await StartAsync(mount);
        using var client = Client(app);
        var html = await client.GetStringAsync(new Uri(page, UriKind.Relative), Cancel);

        Assert.Contains($"<meta name=\"tenfold-api\" content=\"{api}\">", html, StringComparison.Ordinal);
        var named = html.Split('"').Where(part => part.StartsWith("assets/", StringComparison.Ordinal)).Append("report-frame.html").ToList();
        Assert.True(named.Count >= 4, html);
        foreach (var name in named)
        {
            using var answer = await client.GetAsync(new Uri(page + name, UriKind.Relative), Cancel);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_mount_without_its_slash_is_led_to_it_by_a_relative_link()
    {
        await using var app = await StartAsync("/internal/ops");
        using var client = Client(app);
        using var answer = await client.GetAsync(new Uri("/internal/ops", UriKind.Relative), Cancel);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Equal("ops/", answer.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Named_by_their_content_assets_are_kept_for_ever_and_the_page_is_asked_for_anew()
    {
        await using var app = await StartAsync("/");
        using var client = Client(app);
        using var page = await client.GetAsync(new Uri("/", UriKind.Relative), Cancel);
        Assert.True(page.Headers.CacheControl!.NoCache);
        var script = (await page.Content.ReadAsStringAsync(Cancel)).Split('"').Single(p => p.EndsWith(".js", StringComparison.Ordinal));

        using var asset = await client.GetAsync(new Uri("/" + script, UriKind.Relative), Cancel);
        Assert.Equal("public, max-age=31536000, immutable", asset.Headers.GetValues("Cache-Control").Single());

        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(page.Headers.ETag!);
        using var unchanged = await client.SendAsync(again, Cancel);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task A_browser_that_reads_gzip_gets_the_whole_console_in_60_KB()
    {
        await using var app = await StartAsync("/");
        using var client = Client(app);
        client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("gzip");
        using var page = await client.GetAsync(new Uri("/", UriKind.Relative), Cancel);
        var size = page.Content.Headers.ContentLength!.Value;
        using var plain = Client(app);
        foreach (var name in (await plain.GetStringAsync(new Uri("/", UriKind.Relative), Cancel)).Split('"').Where(p => p.StartsWith("assets/", StringComparison.Ordinal)))
        {
            using var asset = await client.GetAsync(new Uri("/" + name, UriKind.Relative), Cancel);
            Assert.Equal("gzip", asset.Content.Headers.ContentEncoding.Single());
            size += asset.Content.Headers.ContentLength!.Value;
        }

        Assert.InRange(size, 1, 60 * 1024);
    }

    [Fact]
    public async Task The_page_may_run_only_its_own_files_and_a_report_may_reach_nothing()
    {
        await using var app = await StartAsync("/");
        using var client = Client(app);
        using var page = await client.GetAsync(new Uri("/", UriKind.Relative), Cancel);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'; script-src 'self'; style-src 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);

        using var frame = await client.GetAsync(new Uri("/report-frame.html", UriKind.Relative), Cancel);
        var sandbox = frame.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("sandbox allow-scripts; default-src 'none'", sandbox, StringComparison.Ordinal);
        Assert.DoesNotContain("connect-src", sandbox, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_need_no_key_where_all_else_does()
    {
        await using var app = await StartAsync("/", locked: true);
        using var client = Client(app);
        using var page = await client.GetAsync(new Uri("/", UriKind.Relative), Cancel);
        using var api = await client.GetAsync(new Uri("/api/info", UriKind.Relative), Cancel);

        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.NotEqual(HttpStatusCode.OK, api.StatusCode);
    }

    [Theory]
    [InlineData("ops")]
    [InlineData("/{tenant}")]
    [InlineData("/ops?x")]
    public async Task A_place_that_is_none_is_refused_by_name(string mount)
    {
        var fault = await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(mount));
        Assert.Contains(mount, fault.Message, StringComparison.Ordinal);
    }

    private static async Task<WebApplication> StartAsync(string mount, bool locked = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization(options =>
            options.FallbackPolicy = locked ? new AuthorizationPolicyBuilder().RequireAssertion(_ => false).Build() : null);
        var app = builder.Build();
        app.UseAuthorization();
        app.MapTenfoldConsole(mount);
        app.MapGet("/api/info", () => Results.Ok());
        await app.StartAsync(Cancel);
        return app;
    }

    private static HttpClient Client(WebApplication app) =>
        new(new HttpClientHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None }) { BaseAddress = new Uri(app.Urls.Single()) };
}

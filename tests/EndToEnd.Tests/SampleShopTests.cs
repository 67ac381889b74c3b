using System.Net;
using System.Text.RegularExpressions;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>The sample application as its README runs it, on both engines.</summary>
public sealed partial class SampleShopTests
{
    [Fact]
    public async Task Embedded_the_shop_admits_a_burst_and_rejects_the_rest()
    {
        await using var shop = await StartAsync();
        await BurstThenRejectAsync(shop.Http, shop.Http);
    }

    [Fact]
    public async Task On_Redis_two_instances_share_one_burst()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await StartAsync("--Tenfold:RateLimiting:Engine=" + redis.Address);
        await using var two = await StartAsync("--Tenfold:RateLimiting:Engine=" + redis.Address);
        await BurstThenRejectAsync(one.Http, two.Http);
    }

    private static async Task BurstThenRejectAsync(HttpClient one, HttpClient two)
    {
        // An order costs five, a look one: two orders use up the burst of ten.
        Assert.Equal(HttpStatusCode.Accepted, await StatusAsync(one, HttpMethod.Post, "/orders"));
        Assert.Equal(HttpStatusCode.Accepted, await StatusAsync(two, HttpMethod.Post, "/orders"));
        using var rejected = await SendAsync(one, HttpMethod.Post, "/orders");
        Assert.Equal(HttpStatusCode.TooManyRequests, rejected.StatusCode);
        Assert.True(rejected.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(one, HttpMethod.Get, "/healthz"));
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, HttpMethod method, string path)
    {
        using var answer = await SendAsync(http, method, path);
        return answer.StatusCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add("X-User", "alice");
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static async Task<Shop> StartAsync(params string[] arguments)
    {
        // The test assembly and the sample are built side by side: artifacts/bin/<project>/<configuration>.
        var configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'));
        var folder = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "RateLimitedShop", configuration));
        var process = ChildProcess.Start(Path.Combine(folder, "RateLimitedShop"), ["--urls", "http://127.0.0.1:0", .. arguments], workingDirectory: folder);
        var line = await process.WaitForLineAsync("Now listening on:");
        return new Shop(process, new HttpClient { BaseAddress = new Uri(Address().Match(line).Value) });
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();

    private sealed record Shop(ChildProcess Process, HttpClient Http) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await Process.DisposeAsync();
        }
    }
}

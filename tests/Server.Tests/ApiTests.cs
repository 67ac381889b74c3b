using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Tenfold.Server.Tests;

public sealed partial class ApiTests
{
    [Fact]
    public async Task The_api_tells_what_runs_where()
    {
        await using var host = await RunningHost.StartAsync(("RateLimiting:Engine", "embedded:"));
        var info = await host.GetAsync("/api/info");
        Assert.Equal(host.Addresses.Http, info.GetProperty("addresses").GetProperty("http").GetString());
        Assert.NotEqual("127.0.0.1:0", info.GetProperty("addresses").GetProperty("redis").GetString());
        Assert.Equal(host.DataDirectory, info.GetProperty("dataDirectory").GetString());

        var system = Assert.Single((await host.GetAsync("/api/systems")).EnumerateArray());
        Assert.Equal("rate-limiter", system.GetProperty("name").GetString());
        Assert.Equal("healthy", system.GetProperty("health").GetString());
        Assert.Equal("embedded:", system.GetProperty("engine").GetString());

        var runbook = await host.GetAsync("/api/runbooks/rate-limiter");
        Assert.Contains("<h2", runbook.GetProperty("html").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await host.GetAsync("/api/lab/records")).GetArrayLength());
        Assert.True((await host.GetAsync("/api/plans/rate-limiter?users=10M")).GetProperty("monthlyBill").GetDouble() > 0);
    }

    [Theory]
    [InlineData("GET", "/nowhere", HttpStatusCode.NotFound, "There is nothing at")]
    [InlineData("DELETE", "/api/systems", HttpStatusCode.MethodNotAllowed, "does not take DELETE")]
    [InlineData("GET", "/api/lab/records/..%2f..%2fetc", HttpStatusCode.NotFound, "no lab record")]
    [InlineData("GET", "/api/plans/rate-limiter?users=many", HttpStatusCode.BadRequest, "is no number")]
    [InlineData("GET", "/api/plans/rate-limiter?usres=1", HttpStatusCode.BadRequest, "usres")]
    [InlineData("GET", "/api/plans/nothing", HttpStatusCode.NotFound, "rate-limiter")]
    [InlineData("GET", "/api/runbooks/nothing", HttpStatusCode.NotFound, "no page")]
    [InlineData("GET", "/api/rate-limiter/acquire?key=a&limit=5/1x", HttpStatusCode.BadRequest, "limit")]
    [InlineData("GET", "/api/rate-limiter/acquire?key=a&limit=5/1s&cost=-1", HttpStatusCode.BadRequest, "cost")]
    public async Task Errors_are_problems_that_say_what_to_do(string method, string path, HttpStatusCode status, string says)
    {
        await using var host = await RunningHost.StartAsync();
        using var answer = await host.SendAsync(new HttpMethod(method), path);
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains(says, body, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused()
    {
        await using var host = await RunningHost.StartAsync(("Server:MaxRequestBytes", "1024"));
        using var content = new StringContent(new string('x', 100_000), Encoding.UTF8, "application/json");
        using var answer = await host.SendAsync(HttpMethod.Post, "/api/rate-limiter/explain", content: content);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Metrics_are_prometheus_text_and_count_decisions()
    {
        await using var host = await RunningHost.StartAsync();
        for (var i = 0; i < 3; i++)
            (await host.SendAsync(HttpMethod.Get, "/api/rate-limiter/acquire?key=a&limit=2/1h")).Dispose();
        var text = await host.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l[0] != '#'), line => Assert.Matches(Sample(), line));
        Assert.Matches(@"tenfold_rate_limiter_decisions\S*\{[^}]*\} ", text);
        Assert.DoesNotContain("\"a\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_protocol_answers_on_its_own_port()
    {
        await using var host = await RunningHost.StartAsync();
        using var redis = new TcpClient();
        await redis.ConnectAsync(IPEndPoint.Parse(host.Addresses.All["redis"]), TestContext.Current.CancellationToken);
        await redis.GetStream().WriteAsync("PING\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(redis.GetStream());
        Assert.Equal("+PONG", await reader.ReadLineAsync(TestContext.Current.CancellationToken));

        using var http2 = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Addresses.Grpc + "/grpc.health.v1.Health/Check"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]),
        };
        http2.Content.Headers.ContentType = new("application/grpc");
        using var answer = await host.Http.SendAsync(http2, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task A_server_told_to_stop_says_so_while_it_still_answers()
    {
        await using var host = await RunningHost.StartAsync(("Server:DrainNotice", "30s"));
        using var before = await host.SendAsync(HttpMethod.Get, "/health/ready");
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        using var impatient = new CancellationTokenSource();
        var stopping = host.App.StopAsync(impatient.Token);
        using var draining = await host.SendAsync(HttpMethod.Get, "/health/ready");
        using var live = await host.SendAsync(HttpMethod.Get, "/health/live");
        using var work = await host.SendAsync(HttpMethod.Get, "/api/rate-limiter/acquire?key=a&limit=5/1s");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, draining.StatusCode);
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.OK, work.StatusCode);
        await impatient.CancelAsync();
        await stopping;
    }

    [Fact]
    public async Task The_configuration_in_effect_is_shown_without_secrets()
    {
        await using var host = await RunningHost.StartAsync(("Server:Telemetry:TraceRatio", "0.5"), ("RateLimiting:Resp:Password", "hunter2-hunter2"));
        var all = (await host.GetAsync("/api/configuration")).GetRawText();
        Assert.Contains("TraceRatio", all, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", all, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+( \d+)?$")]
    private static partial Regex Sample();
}

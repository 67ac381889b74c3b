using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Tenfold.RateLimiting.Rules;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>RAT-8: the middleware, over real Kestrel.</summary>
public sealed partial class HttpMiddlewareTests
{
    private const string OneAnHour = """{ "Rules": [ { "Name": "r", "Match": { "path": "/hello" }, "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""";

    [Fact]
    public async Task A_rejected_request_gets_problem_details_and_every_header()
    {
        await using var app = await HttpApp.StartAsync(OneAnHour);
        var first = await app.GetAsync("/hello");
        var second = await app.GetAsync("/hello");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode));
        Assert.Equal("application/problem+json", second.Content.Headers.ContentType?.MediaType);
        Assert.Null(first.Headers.RetryAfter);
        Assert.Equal("\"r\";q=1;w=3600", Header(second, "RateLimit-Policy"));
        Assert.Matches("^\"r\";r=0;t=3600$|^\"r\";r=0;t=3599$", Header(second, "RateLimit"));
        Assert.Equal(("1", "0"), (Header(second, "X-RateLimit-Limit"), Header(second, "X-RateLimit-Remaining")));
        var problem = await HttpApp.JsonAsync(second);
        Assert.Equal(429, problem.GetProperty("status").GetInt32());
        Assert.Equal("r", problem.GetProperty("violated-policies")[0].GetString());
        // Rounded up: whoever waits so long is never too early.
        Assert.True(second.Headers.RetryAfter!.Delta!.Value.TotalSeconds >= problem.GetProperty("retryAfterSeconds").GetDouble());
        foreach (var answer in new[] { first, second })
        {
            foreach (var name in new[] { "RateLimit-Policy", "RateLimit" })
                Assert.Matches(StructuredList(), Header(answer, name));
        }
    }

    [Fact]
    public async Task A_client_that_nobody_here_wrote_reads_the_older_headers()
    {
        await using var app = await HttpApp.StartAsync("""
            { "Http": { "RateLimitHeaders": false }, "Rules": [ { "Name": "r", "Match": { "path": "/hello" }, "Limits": [ { "Permits": 5, "Period": "1h" } ] } ] }
            """);

        var read = await RespTools.RunNodeAsync("ratelimit-headers.mjs", new Uri(app.Address, "/hello").ToString());

        Assert.Contains("limit=5 used=1 remaining=4 reset-in-future=true", read, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forwarded_address_counts_only_from_a_known_proxy()
    {
        var rules = """ "Rules": [ { "Name": "r", "Match": { "path": "/hello" }, "Key": "ip", "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""";
        await using var open = await HttpApp.StartAsync("{" + rules);
        await using var behind = await HttpApp.StartAsync("""{ "Http": { "TrustedProxies": [ "127.0.0.0/8", "10.0.0.0/8" ] },""" + rules);

        Assert.Equal("200, 429", await StatusesAsync(open, "192.0.2.1", "192.0.2.2"));
        Assert.Equal("200, 200, 429", await StatusesAsync(behind, "192.0.2.1", "192.0.2.2", "192.0.2.1"));
        // What stands left of the first untrusted address is the client's own invention.
        Assert.Equal("429, 429, 200", await StatusesAsync(behind, "198.51.100.9, 192.0.2.1", "198.51.100.9, 192.0.2.1, 10.1.1.1", "2001:db8::1"));
        Assert.Equal("429", await StatusesAsync(behind, "2001:db8::2"));
    }

    [Fact]
    public async Task Attributes_come_from_claims_and_from_configured_headers()
    {
        await using var app = await HttpApp.StartAsync(
            """
            { "Http": { "Headers": { "key": "X-Api-Key", "region": "X-Region" } },
              "Rules": [ { "Name": "r", "Match": { "path": "/signed/*", "region": "eu" }, "Key": [ "user", "tenant", "key" ], "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }
            """,
            services: s => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<Microsoft.AspNetCore.Hosting.IStartupFilter>(s, new SignsIn()),
            map: a => a.MapGet("/signed/in", () => "in"));

        await app.GetAsync("/signed/in", ("X-Region", "eu"), ("X-Api-Key", "s3cret"));
        var second = await app.GetAsync("/signed/in", ("X-Region", "eu"), ("X-Api-Key", "s3cret"));
        var key = (await HttpApp.JsonAsync(second)).GetProperty("limits")[0].GetProperty("key").GetString()!;

        Assert.Matches(@"^bob\|acme\|[0-9a-f]{16}$", key);
        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/signed/in", ("X-Region", "us"), ("X-Api-Key", "s3cret"))).StatusCode);
    }

    [Fact]
    public async Task Endpoints_say_how_they_are_limited()
    {
        await using var app = await HttpApp.StartAsync(
            """
            { "Rules": [ { "Name": "all", "Match": { "path": "/e/*" }, "Limits": [ { "Permits": 10, "Period": "1h" } ] },
                         { "Name": "login", "OnlyWhenRequired": true, "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }
            """,
            a =>
            {
                a.MapGet("/e/free", () => "x").DisableRateLimit();
                a.MapGet("/e/login", () => "x").RequireRateLimit("login");
                a.MapGet("/e/heavy", () => "x").WithRateLimitCost(9);
            });

        for (var i = 0; i < 12; i++)
            Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/e/free")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/e/login")).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await app.GetAsync("/e/login")).StatusCode);
        var heavy = await app.GetAsync("/e/heavy");
        Assert.Equal((HttpStatusCode.OK, "0"), (heavy.StatusCode, Header(heavy, "X-RateLimit-Remaining")));
    }

    [Fact]
    public async Task A_cost_known_afterwards_is_settled_at_the_responses_end()
    {
        await using var app = await HttpApp.StartAsync(
            """{ "Rules": [ { "Name": "r", "Match": { "path": "/job" }, "Limits": [ { "Permits": 100, "Period": "1h" } ] } ] }""",
            a => a.MapGet("/job", (HttpContext context) => context.SetRateLimitCost(7)).WithRateLimitCost(50, knownAfterwards: true));

        var answer = await app.GetAsync("/job");

        Assert.Equal("50", Header(answer, "X-RateLimit-Remaining"));
        await Eventually.HoldsAsync(() => Remaining(app, "/job") == 93, "93 left");
    }

    [Fact]
    public async Task A_concurrency_limit_is_given_back_when_a_response_ends_fails_or_is_abandoned()
    {
        var gate = new SemaphoreSlim(0);
        await using var app = await HttpApp.StartAsync(
            """{ "Rules": [ { "Name": "r", "Match": { "path": "/slow/*" }, "Limits": [ { "Algorithm": "concurrency", "Permits": 2 } ] } ] }""",
            a =>
            {
                a.MapGet("/slow/wait", (HttpContext context) => gate.WaitAsync(context.RequestAborted));
                a.MapGet("/slow/fail", () => { throw new InvalidOperationException("on purpose"); });
            });

        for (var i = 0; i < 5; i++)
            await app.GetAsync("/slow/fail");
        await Eventually.HoldsAsync(() => Remaining(app, "/slow/x") == 2, "2 left");
        using var abandon = new CancellationTokenSource();
        var abandoned = app.Client.GetAsync("/slow/wait", abandon.Token);
        var waiting = app.GetAsync("/slow/wait");
        await Eventually.HoldsAsync(() => Remaining(app, "/slow/x") == 0, "0 left");
        var third = await app.GetAsync("/slow/wait");
        Assert.Equal(HttpStatusCode.TooManyRequests, third.StatusCode);
        Assert.Null(third.Headers.RetryAfter);

        await abandon.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        await Eventually.HoldsAsync(() => Remaining(app, "/slow/x") == 1, "1 left");
        gate.Release();
        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
        await Eventually.HoldsAsync(() => Remaining(app, "/slow/x") == 2, "2 left");
    }

    [Fact]
    public async Task Bad_input_is_answered_clearly_and_the_service_goes_on()
    {
        await using var app = await HttpApp.StartAsync(OneAnHour);
        var big = new string('k', 1 << 20);
        var many = string.Join(',', Enumerable.Range(0, 10_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"\"a{i}\":\"x\"")));
        await RefusedAsync(app, $$"""{ "attributes": { "key": "{{big}}" } }""", HttpStatusCode.RequestEntityTooLarge);
        await RefusedAsync(app, $$"""{ "attributes": { {{many}} } }""", HttpStatusCode.RequestEntityTooLarge, HttpStatusCode.BadRequest);
        await RefusedAsync(app, $$"""{ "attributes": { "key": "{{big[..9000]}}" } }""", HttpStatusCode.BadRequest);
        await RefusedAsync(app, """{ "attributes": { "key": "x" }, "cost": -1 }""", HttpStatusCode.BadRequest);
        await RefusedAsync(app, """{ "attributes": """, HttpStatusCode.BadRequest);
        await RefusedAsync(app, "null", HttpStatusCode.BadRequest);
        await RefusedAsync(app, """{ "attributes": { "key": [1] } }""", HttpStatusCode.BadRequest);
        var query = string.Join('&', Enumerable.Range(0, 200).Select(i => string.Create(CultureInfo.InvariantCulture, $"a{i}=x")));
        Assert.Equal(HttpStatusCode.BadRequest, (await app.GetAsync("/api/rate-limiter/acquire?" + query)).StatusCode);
        Assert.Equal(HttpStatusCode.RequestUriTooLong, (await app.GetAsync("/api/rate-limiter/acquire?key=" + big[..20_000])).StatusCode);
        Assert.Equal(431, (int)(await app.GetAsync("/hello", ("X-Big", big[..60_000]))).StatusCode);
        foreach (var raw in new[] { "key=%FF%FE", "key=%", "=&&=", "limit=5/0s&key=a", "limit=-5/1s&key=a", "cost=1e9&key=a" })
            Assert.InRange((int)await RawAsync(app, $"/api/rate-limiter/acquire?{raw}"), 200, 499);

        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/hello")).StatusCode);
    }

    [Fact]
    public async Task Refused_input_leaves_nothing_in_memory()
    {
        await using var app = await HttpApp.StartAsync("""{ "Recording": { "Enabled": true } }""");
        var body = $$"""{ "attributes": { "key": "{{new string('k', 60_000)}}" } }""";
        for (var i = 0; i < 20; i++)
            await RefusedAsync(app, body, HttpStatusCode.BadRequest);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        for (var i = 0; i < 500; i++)
            await RefusedAsync(app, body, HttpStatusCode.BadRequest);

        // Kept, they would be 60 MB.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 15 << 20);
    }

    private static string Header(HttpResponseMessage answer, string name) => Assert.Single(answer.Headers.GetValues(name));

    private static long Remaining(HttpApp app, string path)
    {
        var request = new RateLimitRequest(new Dictionary<string, string>(StringComparer.Ordinal) { ["path"] = path });
        return app.Get<RuleRateLimiter>().ExplainAsync(request).AsTask().GetAwaiter().GetResult().Decision.Limits.Single().Outcome.Remaining;
    }

    private static async Task<string> StatusesAsync(HttpApp app, params string[] forwarded)
    {
        var statuses = new List<int>();
        foreach (var chain in forwarded)
            statuses.Add((int)(await app.GetAsync("/hello", ("X-Forwarded-For", chain))).StatusCode);
        return string.Join(", ", statuses);
    }

    private static async Task RefusedAsync(HttpApp app, string body, params HttpStatusCode[] expected)
    {
        using var answer = await app.PostAsync("/api/rate-limiter/acquire", body);
        Assert.Contains(answer.StatusCode, expected);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.InRange((await HttpApp.JsonAsync(answer)).GetProperty("detail").GetString()!.Length, 10, 400);
    }

    /// <summary>Asks with bytes that an HTTP client would not send.</summary>
    private static async Task<HttpStatusCode> RawAsync(HttpApp app, string target)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync(
            Encoding.Latin1.GetBytes($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client.GetStream());
        var status = await reader.ReadLineAsync(TestContext.Current.CancellationToken);
        return (HttpStatusCode)int.Parse(status!.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    /// <summary>RFC 9651: a list of strings with parameters that are integers of at most 15 digits, or strings.</summary>
    [GeneratedRegex("""^(?:"([ !#-\[\]-~]|\\["\\])*"(; *[a-z*][a-z0-9_.*-]*=(-?[0-9]{1,15}|"([ !#-\[\]-~]|\\["\\])*"))*(?:[ \t]*,[ \t]*(?!$)|$))+$""", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex StructuredList();

    private sealed class SignsIn : Microsoft.AspNetCore.Hosting.IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "bob"), new Claim("tenant", "acme")], "test"));
                return rest(context);
            });
            next(app);
        };
    }
}

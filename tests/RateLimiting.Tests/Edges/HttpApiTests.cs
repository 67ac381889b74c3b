using System.Net;
using System.Text;
using System.Text.Json;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>RAT-8: the HTTP API, over real Kestrel.</summary>
public sealed class HttpApiTests
{
    private const string Rules = """
        { "Rules": [
          { "Name": "per-user", "Match": { "path": "/api/*" }, "Key": ["user"], "Limits": [ { "Permits": 2, "Period": "1h" } ] },
          { "Name": "watch", "Key": ["user"], "DryRun": true, "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }
        """;

    [Fact]
    public async Task A_limit_in_the_query_works_without_any_configuration()
    {
        await using var app = await HttpApp.StartAsync();
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/api/rate-limiter/acquire?limit=5/1h&key=alice")).StatusCode);

        var rejected = await app.GetAsync("/api/rate-limiter/acquire?limit=5/1h&key=alice");

        Assert.Equal(HttpStatusCode.TooManyRequests, rejected.StatusCode);
        Assert.Equal("application/problem+json", rejected.Content.Headers.ContentType?.MediaType);
        Assert.InRange(rejected.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 720, 800);
        var problem = await HttpApp.JsonAsync(rejected);
        Assert.InRange(problem.GetProperty("retryAfterSeconds").GetDouble(), 700, 720);
        Assert.Equal("alice", problem.GetProperty("limits")[0].GetProperty("key").GetString());
        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/api/rate-limiter/acquire?limit=5/1h&key=bob")).StatusCode);
    }

    [Fact]
    public async Task Rules_decide_and_a_dry_run_never_denies()
    {
        await using var app = await HttpApp.StartAsync(Rules);
        var ask = """{ "attributes": { "path": "/api/x", "user": "u1" } }""";
        var first = await app.PostAsync("/api/rate-limiter/acquire", ask);
        var second = await app.PostAsync("/api/rate-limiter/acquire", ask);
        var third = await app.PostAsync("/api/rate-limiter/acquire", ask);

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], [first.StatusCode, second.StatusCode, third.StatusCode]);
        var limits = (await HttpApp.JsonAsync(second)).GetProperty("limits");
        Assert.False(limits[1].GetProperty("admitted").GetBoolean());
        Assert.True(limits[1].GetProperty("dryRun").GetBoolean());
        Assert.DoesNotContain("watch", string.Join(' ', second.Headers.GetValues("RateLimit-Policy")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_answers_for_a_past_decision_with_numbers()
    {
        await using var app = await HttpApp.StartAsync(Rules);
        HttpResponseMessage answer = null!;
        for (var i = 0; i < 3; i++)
            answer = await app.GetAsync("/api/rate-limiter/acquire?path=/api/x&user=u1");
        var id = answer.Headers.GetValues("X-Tenfold-Decision").Single();

        var why = await HttpApp.JsonAsync(await app.GetAsync($"/api/rate-limiter/decisions/{id}"));

        Assert.False(why.GetProperty("admitted").GetBoolean());
        Assert.Matches("allows 2 per 1h .*: no room, 0 left for cost 1: passes in", why.GetProperty("rules")[0].GetProperty("reason").GetString()!);
        var rejected = await HttpApp.JsonAsync(await app.GetAsync("/api/rate-limiter/decisions?rejected=true"));
        Assert.Equal(id, Assert.Single(rejected.EnumerateArray()).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await app.GetAsync("/api/rate-limiter/decisions/none")).StatusCode);
    }

    [Fact]
    public async Task Explaining_charges_nothing_and_names_the_first_condition_that_failed()
    {
        await using var app = await HttpApp.StartAsync(Rules);
        for (var i = 0; i < 5; i++)
        {
            var explained = await HttpApp.JsonAsync(await app.PostAsync("/api/rate-limiter/explain", """{ "attributes": { "path": "/other", "user": "u1" } }"""));
            Assert.Equal("path = '/other' does not meet '/api/*'", explained.GetProperty("rules")[0].GetProperty("reason").GetString());
            Assert.True(explained.GetProperty("rules")[1].GetProperty("matched").GetBoolean());
            Assert.Contains("room for cost 1", explained.GetProperty("rules")[1].GetProperty("reason").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_reservation_holds_and_settles_at_the_real_cost_times_the_rules_weight()
    {
        await using var app = await HttpApp.StartAsync("""
            { "Rules": [ { "Name": "dear", "Cost": 5, "Key": ["user"], "Limits": [ { "Permits": 100, "Period": "1d" } ] } ] }
            """);
        var held = await app.PostAsync("/api/rate-limiter/reservations", """{ "id": "r1", "attributes": { "user": "u" }, "cost": 10, "expiresAfterSeconds": 60 }""");
        Assert.Equal(50, (await HttpApp.JsonAsync(held)).GetProperty("decision").GetProperty("limits")[0].GetProperty("remaining").GetInt64());

        var settled = await HttpApp.JsonAsync(await app.PostAsync("/api/rate-limiter/reservations/r1/settle", """{ "cost": 3 }"""));
        var again = await HttpApp.JsonAsync(await app.PostAsync("/api/rate-limiter/reservations/r1/settle", """{ "cost": 3 }"""));

        Assert.Equal("settled", settled.GetProperty("outcome").GetString());
        Assert.Equal("already-settled", again.GetProperty("outcome").GetString());
        var now = await HttpApp.JsonAsync(await app.PostAsync("/api/rate-limiter/explain", """{ "attributes": { "user": "u" }, "cost": 0 }"""));
        Assert.Equal(85, now.GetProperty("decision").GetProperty("limits")[0].GetProperty("remaining").GetInt64());
        Assert.Equal(HttpStatusCode.NotFound, (await app.PostAsync("/api/rate-limiter/reservations/none/settle", """{ "cost": 1 }""")).StatusCode);
    }

    [Theory]
    [InlineData("limit=5/1x", "write permits/period")]
    [InlineData("limit=/", "write permits/period")]
    [InlineData("limit=-1/1s", "write permits/period")]
    [InlineData("limit=0/1s", "must be at least 1")]
    [InlineData("limit=5/1s&algorithm=magic", "token-bucket")]
    [InlineData("limit=5/1s&burst=x", "whole number")]
    [InlineData("cost=-1", "must not be negative")]
    [InlineData("cost=many", "must be a whole number")]
    [InlineData("key=a&key=b", "given 2 times")]
    [InlineData("limit=5/1s&deny=200", "write 429")]
    public async Task What_cannot_be_understood_is_refused_with_what_to_write(string query, string says)
    {
        await using var app = await HttpApp.StartAsync();
        var answer = await app.GetAsync($"/api/rate-limiter/acquire?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(says, (await HttpApp.JsonAsync(answer)).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nginx_is_denied_with_the_status_that_it_passes_on()
    {
        await using var app = await HttpApp.StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/api/rate-limiter/acquire?limit=1/1h&key=n&deny=403")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await app.GetAsync("/api/rate-limiter/acquire?limit=1/1h&key=n&deny=403")).StatusCode);
    }

    [Fact]
    public async Task Hostile_bodies_are_refused_and_the_server_lives_on()
    {
        await using var app = await HttpApp.StartAsync();
        var huge = new string('k', 1 << 20);
        (string Json, HttpStatusCode Status)[] bodies =
        [
            ($$"""{ "attributes": { "key": "{{huge}}" } }""", HttpStatusCode.RequestEntityTooLarge),
            ($$"""{ "attributes": { "key": "{{huge[..9000]}}" } }""", HttpStatusCode.BadRequest),
            ("{ \"attributes\": { " + string.Join(',', Enumerable.Range(0, 70).Select(i => $"\"a{i}\": \"1\"")) + " } }", HttpStatusCode.BadRequest),
            ("""{ "attributes": { "key": ["a"] } }""", HttpStatusCode.BadRequest),
            ("""{ "attributes": [] }""", HttpStatusCode.BadRequest),
            ("[[[[", HttpStatusCode.BadRequest),
            ("null", HttpStatusCode.BadRequest),
        ];
        foreach (var (json, status) in bodies)
        {
            var answer = await app.PostAsync("/api/rate-limiter/acquire", json);
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        }

        using var notText = new ByteArrayContent([.. "{ \"attributes\": { \"key\": \""u8, 0xFF, 0xFE, .. "\" } }"u8]);
        notText.Headers.ContentType = new("application/json");
        var invalid = await app.Client.PostAsync("/api/rate-limiter/acquire", notText, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, invalid.StatusCode);
        var inQuery = await app.GetAsync("/api/rate-limiter/acquire?limit=5/1h&key=%FF%FE");
        Assert.Equal(HttpStatusCode.OK, inQuery.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await app.GetAsync("/api/rate-limiter/acquire?limit=5/1h&key=fine")).StatusCode);
    }

    [Fact]
    public async Task A_replay_says_what_other_rules_would_have_done()
    {
        await using var app = await HttpApp.StartAsync("""
            { "Recording": { "Enabled": true }, "Rules": [ { "Name": "per-user", "Key": ["user"], "Limits": [ { "Permits": 10, "Period": "1h" } ] } ] }
            """);
        for (var i = 0; i < 6; i++)
            await app.GetAsync("/api/rate-limiter/acquire?user=heavy");
        await app.GetAsync("/api/rate-limiter/acquire?user=light");

        var result = await HttpApp.JsonAsync(await app.PostAsync("/api/rate-limiter/replay", """
            { "rules": [ { "Name": "per-user", "Key": ["user"], "Limits": [ { "Permits": 2, "Period": "1h" } ] } ] }
            """));

        Assert.Equal(7, result.GetProperty("requests").GetInt32());
        Assert.Equal(0, result.GetProperty("before").GetProperty("rejected").GetInt32());
        Assert.Equal(4, result.GetProperty("after").GetProperty("rejected").GetInt32());
        Assert.Equal("heavy", result.GetProperty("keys")[0].GetProperty("key").GetString());
        var faulty = await app.PostAsync("/api/rate-limiter/replay", """{ "rules": [ { "Name": "x", "Colour": "red", "Limits": [ { "Permits": 2, "Period": "1x" } ] } ] }""");
        var faults = (await HttpApp.JsonAsync(faulty)).GetProperty("detail").GetString()!;
        Assert.Contains("Tenfold:RateLimiting:Rules:0:Colour = red: unknown key", faults, StringComparison.Ordinal);
        Assert.Contains("Tenfold:RateLimiting:Rules:0:Limits:0:Period = 1x: no duration", faults, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_live_stream_tells_rates_and_the_busiest_keys()
    {
        await using var app = await HttpApp.StartAsync(Rules);
        using var stream = await app.Client.GetStreamAsync("/api/rate-limiter/live", TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        for (var i = 0; i < 4; i++)
            await app.GetAsync("/api/rate-limiter/acquire?path=/api/x&user=busy");
        for (var events = 0; events < 10; events++)
        {
            Assert.Equal("event: live", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
            var data = (await reader.ReadLineAsync(TestContext.Current.CancellationToken))!;
            Assert.Equal("", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
            using var figures = JsonDocument.Parse(data["data: ".Length..]);
            if (figures.RootElement.GetProperty("decisionsPerSecond").GetDouble() == 0)
                continue;
            Assert.Equal("busy", figures.RootElement.GetProperty("topKeys")[0].GetProperty("key").GetString());
            Assert.True(figures.RootElement.GetProperty("latencySeconds").GetProperty("p99").GetDouble() > 0);
            Assert.Equal("per-user", figures.RootElement.GetProperty("rules")[0].GetProperty("rule").GetString());
            return;
        }

        Assert.Fail("No event told of the decisions.");
    }
}

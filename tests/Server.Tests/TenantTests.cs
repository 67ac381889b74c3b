using System.Net;
using System.Text;
using Tenfold.Server.Authentication;

namespace Tenfold.Server.Tests;

/// <summary>A key of one tenant speaks for that tenant, whatever it says, and sees nothing of the others.</summary>
public sealed class TenantTests
{
    [Fact]
    public async Task What_it_says_of_its_tenant_does_not_count()
    {
        var (acme, acmeHash) = ApiKeyTable.Create();
        var (any, anyHash) = ApiKeyTable.Create();
        await using var host = await RunningHost.StartAsync(
            [.. Key(0, "acme", acmeHash), ("Server:ApiKeys:0:Tenant", "acme"), .. Key(1, "any", anyHash),
             ("RateLimiting:Rules:0:Name", "per-tenant"), ("RateLimiting:Rules:0:Key:0", "tenant"), ("RateLimiting:Rules:0:Limits:0:Permits", "2"), ("RateLimiting:Rules:0:Limits:0:Period", "1h")]);

        Assert.Equal(HttpStatusCode.OK, await GetAsync("tenant=globex", acme));
        using var body = new StringContent("""{ "attributes": { "Tenant": "globex" } }""", Encoding.UTF8, "application/json");
        using var posted = await host.SendAsync(HttpMethod.Post, "/api/rate-limiter/acquire", acme, body);
        Assert.Equal(HttpStatusCode.OK, posted.StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, await GetAsync("tenant=initech", acme));
        Assert.Equal(HttpStatusCode.TooManyRequests, await GetAsync("tenant=acme", any));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("tenant=globex", any));

        async Task<HttpStatusCode> GetAsync(string query, string key)
        {
            using var answer = await host.SendAsync(HttpMethod.Get, $"/api/rate-limiter/acquire?{query}", key);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task It_cannot_settle_another_tenants_reservation_or_see_what_belongs_to_all()
    {
        var (acme, acmeHash) = ApiKeyTable.Create();
        var (globex, globexHash) = ApiKeyTable.Create();
        await using var host = await RunningHost.StartAsync([.. Key(0, "acme", acmeHash), ("Server:ApiKeys:0:Tenant", "acme"), .. Key(1, "globex", globexHash), ("Server:ApiKeys:1:Tenant", "globex")]);

        Assert.Equal(HttpStatusCode.OK, await PostAsync("/api/rate-limiter/reservations", """{ "id": "r1", "attributes": { "key": "a" }, "limit": "2/1h" }""", acme));
        Assert.Equal(HttpStatusCode.NotFound, await PostAsync("/api/rate-limiter/reservations/r1/settle", """{ "cost": 0 }""", globex));
        Assert.Equal(HttpStatusCode.OK, await PostAsync("/api/rate-limiter/reservations/r1/settle", """{ "cost": 0 }""", acme));
        foreach (var path in new[] { "/api/rate-limiter/decisions", "/api/rate-limiter/rules", "/api/rate-limiter/live", "/api/systems", "/metrics" })
        {
            using var answer = await host.SendAsync(HttpMethod.Get, path, acme);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }

        async Task<HttpStatusCode> PostAsync(string path, string json, string key)
        {
            using var body = new StringContent(json, Encoding.UTF8, "application/json");
            using var answer = await host.SendAsync(HttpMethod.Post, path, key, body);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task The_servers_own_api_can_be_limited_by_a_rule()
    {
        await using var host = await RunningHost.StartAsync(
            ("Server:LimitOwnApi", "true"), ("RateLimiting:Rules:0:Name", "own"), ("RateLimiting:Rules:0:Match:path", "/api/info"), ("RateLimiting:Rules:0:Key:0", "ip"),
            ("RateLimiting:Rules:0:Limits:0:Permits", "1"), ("RateLimiting:Rules:0:Limits:0:Period", "1h"));
        HttpStatusCode[] seen = [await StatusAsync("/api/info"), await StatusAsync("/api/info"), await StatusAsync("/api/systems"), await StatusAsync("/health/live")];
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.TooManyRequests, HttpStatusCode.OK, HttpStatusCode.OK], seen);

        async Task<HttpStatusCode> StatusAsync(string path)
        {
            using var answer = await host.SendAsync(HttpMethod.Get, path);
            return answer.StatusCode;
        }
    }

    private static (string, string?)[] Key(int index, string name, string sha256) =>
        [($"Server:ApiKeys:{index}:Name", name), ($"Server:ApiKeys:{index}:Sha256", sha256), ($"Server:ApiKeys:{index}:Scopes:0", "write")];
}

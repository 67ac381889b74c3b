using System.Net;
using System.Security.Claims;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tenfold.Server.Authentication;

namespace Tenfold.Server.Tests;

public sealed class AuthenticationTests
{
    private const string Secret = "a secret of at least thirty-two bytes";
    private const string Acquire = "/api/rate-limiter/acquire?key=a&limit=100/1s";

    [Fact]
    public async Task Keys_let_in_by_scope_and_nobody_else()
    {
        var (reader, readerHash) = ApiKeyTable.Create();
        var (writer, writerHash) = ApiKeyTable.Create();
        await using var host = await RunningHost.StartAsync(
            ("Server:ApiKeys:0:Name", "reader"), ("Server:ApiKeys:0:Sha256", readerHash), ("Server:ApiKeys:0:Scopes:0", "read"),
            ("Server:ApiKeys:1:Name", "writer"), ("Server:ApiKeys:1:Sha256", writerHash), ("Server:ApiKeys:1:Scopes:0", "write"));

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, "/api/systems", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, "/api/systems", reader + "x"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/api/systems", reader));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(host, Acquire, reader));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, Acquire, writer));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(host, "/api/configuration", writer));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/health/ready", null));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/", null));
    }

    [Fact]
    public async Task Refusals_say_what_to_do_as_problems()
    {
        await using var host = await RunningHost.StartAsync(
            ("Server:ApiKeys:0:Name", "a"), ("Server:ApiKeys:0:Sha256", ApiKeyTable.Create().Sha256), ("Server:ApiKeys:0:Scopes:0", "read"));
        using var answer = await host.SendAsync(HttpMethod.Get, "/api/systems");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("Authorization: Bearer", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains(answer.Headers.WwwAuthenticate, h => h.Scheme == "Bearer");
    }

    [Theory]
    [InlineData("tenfold", "issuer", Secret, 60, HttpStatusCode.OK)]
    [InlineData("tenfold", "issuer", Secret, -60, HttpStatusCode.Unauthorized)]
    [InlineData("other", "issuer", Secret, 60, HttpStatusCode.Unauthorized)]
    [InlineData("tenfold", "other", Secret, 60, HttpStatusCode.Unauthorized)]
    [InlineData("tenfold", "issuer", Secret + "!", 60, HttpStatusCode.Unauthorized)]
    public async Task Tokens_are_checked_by_audience_issuer_key_and_time(string audience, string issuer, string key, int secondsLeft, HttpStatusCode expected)
    {
        await using var host = await RunningHost.StartAsync(("Server:Jwt:Issuer", "issuer"), ("Server:Jwt:Audience", "tenfold"), ("Server:Jwt:Key", Secret));
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Audience = audience,
            Issuer = issuer,
            NotBefore = now.AddHours(-1),
            IssuedAt = now.AddHours(-1),
            Expires = now.AddSeconds(secondsLeft),
            Subject = new ClaimsIdentity([new Claim("sub", "me"), new Claim("scope", "read")]),
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(key)), SecurityAlgorithms.HmacSha256),
        });
        Assert.Equal(expected, await StatusAsync(host, "/api/systems", token));
    }

    [Fact]
    public async Task Without_authentication_pages_of_other_sites_and_names_are_kept_out()
    {
        await using var host = await RunningHost.StartAsync();
        using var rebound = await host.SendAsync(HttpMethod.Get, "/api/systems", host: "evil.example");
        using var foreign = await host.SendAsync(HttpMethod.Get, Acquire, origin: "http://evil.example");
        using var own = await host.SendAsync(HttpMethod.Get, Acquire, origin: host.Addresses.Http);
        Assert.Equal(HttpStatusCode.Forbidden, rebound.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    private static async Task<HttpStatusCode> StatusAsync(RunningHost host, string path, string? bearer)
    {
        using var answer = await host.SendAsync(HttpMethod.Get, path, bearer);
        return answer.StatusCode;
    }
}

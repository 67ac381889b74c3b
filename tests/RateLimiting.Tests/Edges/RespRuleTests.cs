using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>The commands of the Redis-protocol face that decide by configured rules.</summary>
public sealed class RespRuleTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Acquire_decides_by_the_rules_and_says_which_limit()
    {
        await using var services = Services();
        await using var face = await StartAsync(services);
        using var client = await face.ConnectAsync();

        await client.SendAsync("TENFOLD.ACQUIRE user bob COST 2\r\nQUIT\r\n");
        var admitted = (await client.ReadToEndAsync()).Split("\r\n");
        using var second = await face.ConnectAsync();
        await second.SendAsync("TENFOLD.ACQUIRE user bob cost 2\r\nQUIT\r\n");
        var rejected = (await second.ReadToEndAsync()).Split("\r\n");

        // limited, wait, id, then: rule, limited, left, wait, reset, dry run.
        Assert.Equal(["*4", ":0", ":-1"], admitted[..3]);
        Assert.Equal(["*6", "$8", "per-user", ":0", ":1", ":-1", ":2400", ":0", "+OK", ""], admitted[5..]);
        Assert.Equal(["*4", ":1", ":1200"], rejected[..3]);
        Assert.Equal(["*6", "$8", "per-user", ":1", ":1", ":1200", ":2400", ":0", "+OK", ""], rejected[5..]);
    }

    [Fact]
    public async Task A_reservation_is_held_until_it_is_settled()
    {
        await using var services = Services();
        await using var face = await StartAsync(services);
        using var client = await face.ConnectAsync();

        await client.SendAsync(
            "TENFOLD.RESERVE job-1 60 user bob COST 3\r\nTENFOLD.ACQUIRE user bob\r\nTENFOLD.SETTLE job-1 1\r\nTENFOLD.SETTLE job-1 1\r\n" +
            "TENFOLD.SETTLE other 1\r\nTENFOLD.ACQUIRE user bob COST 2\r\nQUIT\r\n");
        var lines = (await client.ReadToEndAsync()).Split("\r\n");

        Assert.Equal([":0", ":1", ":0"], lines.Select((line, at) => (line, at)).Where(pair => pair.line == "*4").Select(pair => lines[pair.at + 1]));
        Assert.Equal(["Settled", "AlreadySettled", "Unknown"], lines.Where(line => line is "Settled" or "AlreadySettled" or "Unknown"));
    }

    [Theory]
    [InlineData("TENFOLD.ACQUIRE\r\n", "-ERR wrong number of arguments: TENFOLD.ACQUIRE")]
    [InlineData("TENFOLD.ACQUIRE user\r\n", "-ERR wrong number of arguments: TENFOLD.ACQUIRE")]
    [InlineData("TENFOLD.ACQUIRE COST 1\r\n", "-ERR wrong number of arguments: TENFOLD.ACQUIRE")]
    [InlineData("TENFOLD.ACQUIRE user bob COST -1\r\n", "-ERR COST must be a whole number of at least 0")]
    [InlineData("TENFOLD.ACQUIRE user bob COST x\r\n", "-ERR COST must be a whole number of at least 0")]
    [InlineData("TENFOLD.ACQUIRE user \xFF\xFE\r\n", "-ERR attributes must be UTF-8")]
    [InlineData("TENFOLD.RESERVE a 0 user bob\r\n", "-ERR expires_seconds must be a whole number, 1-86400")]
    [InlineData("TENFOLD.RESERVE a 10 user\r\n", "-ERR wrong number of arguments: TENFOLD.RESERVE")]
    [InlineData("TENFOLD.SETTLE a\r\n", "-ERR wrong number of arguments: TENFOLD.SETTLE")]
    [InlineData("TENFOLD.SETTLE a -1\r\n", "-ERR cost must be a whole number of at least 0")]
    public async Task A_wrong_command_is_answered_with_why(string command, string error)
    {
        await using var services = Services();
        await using var face = await StartAsync(services);
        using var client = await face.ConnectAsync();

        await client.SendAsync(command + "PING\r\nQUIT\r\n");
        var lines = (await client.ReadToEndAsync()).Split("\r\n");

        Assert.StartsWith(error, lines[0], StringComparison.Ordinal);
        Assert.Equal(["+PONG", "+OK", ""], lines[1..]);
    }

    [Fact]
    public async Task A_request_out_of_the_limiters_bounds_is_an_error_and_no_disconnect()
    {
        await using var services = Services();
        await using var face = await StartAsync(services);
        using var client = await face.ConnectAsync();

        await client.SendAsync($"TENFOLD.ACQUIRE user {new string('x', RateLimitRequest.MaxValueLength + 1)}\r\nPING\r\nQUIT\r\n");
        var lines = (await client.ReadToEndAsync()).Split("\r\n");

        Assert.StartsWith("-ERR ", lines[0], StringComparison.Ordinal);
        Assert.Equal(["+PONG", "+OK", ""], lines[1..]);
    }

    private static Task<RespFace> StartAsync(ServiceProvider services) =>
        RespFace.StartAsync(services.GetRequiredService<ILimitStore>(), services.GetRequiredService<IRateLimiter>());

    private ServiceProvider Services() => new ServiceCollection()
        .AddSingleton<TimeProvider>(_time)
        .AddTenfoldRateLimiting(options => options.Rules.Add(new RuleOptions
        {
            Name = "per-user",
            Key = { "user" },
            Limits = { new LimitOptions { Permits = 3, Period = "1h" } },
        }))
        .BuildServiceProvider();
}

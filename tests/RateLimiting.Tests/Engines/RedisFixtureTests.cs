using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>The servers that the engine's tests rest on do what those tests assume of them.</summary>
public sealed class RedisFixtureTests
{
    [Fact]
    public async Task A_server_dies_returns_on_its_port_and_has_forgotten_everything()
    {
        await using var server = await RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync("SET", "a", "1"));
        var port = server.Port;

        server.Kill();
        await Assert.ThrowsAnyAsync<Exception>(() => server.CommandAsync("PING"));

        await server.RestartAsync();
        Assert.Equal(port, server.Port);
        Assert.Equal("-1", await server.CommandAsync("GET", "a"));
    }

    [Fact]
    public async Task A_paused_server_answers_only_once_it_goes_on()
    {
        await using var server = await RedisServer.StartAsync();
        server.Pause();
        var answer = server.CommandAsync("PING");
        Assert.False(answer.IsCompleted);
        server.Resume();
        Assert.Equal("PONG", await answer);
    }

    [Fact]
    public async Task A_password_is_asked_for()
    {
        await using var server = await RedisServer.StartAsync("secret", []);
        Assert.Equal("PONG", await server.CommandAsync("PING"));
    }

    [Fact]
    public async Task Garnet_runs_scripts()
    {
        await using var server = await GarnetServer.StartAsync();
        Assert.Equal("7", await server.CommandAsync("EVAL", "return 7", "0"));
        server.Kill();
        await server.RestartAsync();
        Assert.Equal("PONG", await server.CommandAsync("PING"));
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tenfold.EndToEnd.Tests;

/// <summary>What <c>up</c> prints is true, and the commands that ask a running server find it by its data directory and tell what it knows.</summary>
public sealed class CliServerTests(CliServerFixture fixture) : IClassFixture<CliServerFixture>
{
    [Fact]
    public async Task Up_prints_the_ports_it_took_and_each_is_answered()
    {
        var server = fixture.Server;
        Assert.All([server.Http.BaseAddress!.Port, server.Grpc.Port, server.Resp.Port], port => Assert.InRange(port, 1024, 65535));
        Assert.Equal(fixture.Data, server.Printed("data"));
        using var ready = await server.Http.GetAsync(new Uri("/health/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        using var grpc = new TcpClient();
        await grpc.ConnectAsync(server.Grpc, TestContext.Current.CancellationToken);
        using var resp = new TcpClient();
        await resp.ConnectAsync(server.Resp, TestContext.Current.CancellationToken);
        await resp.GetStream().WriteAsync("*1\r\n$4\r\nPING\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        using var answer = new StreamReader(resp.GetStream(), Encoding.ASCII);
        Assert.Equal("+PONG", await answer.ReadLineAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Requests_are_admitted_to_the_limit_then_rejected_and_why_explains_the_rejection()
    {
        var id = await UseUpAsync("why");
        var why = (await fixture.RunAsync("limits", "why", id, "--data", fixture.Data)).Ended(0);
        Assert.Contains("user=why", why.Output, StringComparison.Ordinal);
        Assert.Contains("rejected; the same would pass in", why.Output, StringComparison.Ordinal);
        Assert.Contains("hit   api-per-user: api-per-user allows 5 per 1h", why.Output, StringComparison.Ordinal);
        var json = (await fixture.RunAsync("limits", "why", id, "--data", fixture.Data, "--json")).Ended(0).Json();
        Assert.False(json.GetProperty("admitted").GetBoolean());
    }

    [Fact]
    public async Task Why_says_in_words_that_a_decision_is_not_known()
    {
        var why = (await fixture.RunAsync("limits", "why", "nosuch", "--data", fixture.Data)).Ended(1);
        Assert.Contains("answered 404: No such decision. It was never made on this node", why.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_counts_nothing_offline_and_the_used_state_with_running()
    {
        await UseUpAsync("tested");
        string[] request = ["path=/api/orders", "user=tested"];
        var offline = (await fixture.RunAsync(["limits", "test", .. request])).Ended(0);
        Assert.Contains("admitted\n  hit   api-per-user", offline.Output, StringComparison.Ordinal);
        var running = (await fixture.RunAsync(["limits", "test", .. request, "--running", "--data", fixture.Data])).Ended(1);
        Assert.Contains("rejected; the same would pass in", running.Output, StringComparison.Ordinal);
        var other = (await fixture.RunAsync("limits", "test", "path=/other", "user=tested", "--json")).Ended(0).Json();
        Assert.False(other.GetProperty("rules")[0].GetProperty("matched").GetBoolean());

        // Testing charged nothing: a fresh user still has the whole limit.
        (await fixture.RunAsync("limits", "test", "path=/api/orders", "user=untouched", "--running", "--data", fixture.Data)).Ended(0);
        await UseUpAsync("untouched");
    }

    [Fact]
    public async Task Top_names_the_busiest_key()
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var load = Task.Run(async () =>
        {
            for (var i = 0; i < 20_000 && !ended.IsCancellationRequested; i++)
            {
                using var answer = await fixture.Server.AskAsync("busiest");
            }
        }, TestContext.Current.CancellationToken);
        var top = (await fixture.RunAsync("limits", "top", "--data", fixture.Data)).Ended(0);
        await ended.CancelAsync();
        await load;
        Assert.Matches(@"(?m)^api-per-user\s+busiest\s+[\d,.]+\s+[\d,.]+$", top.Output);
    }

    [Fact]
    public async Task Replay_tells_what_stricter_rules_would_have_rejected()
    {
        await UseUpAsync("replayed");
        var candidate = Path.Combine(fixture.Directory, "candidate.json");
        await File.WriteAllTextAsync(candidate, CliServerFixture.Configuration(1), TestContext.Current.CancellationToken);
        var json = (await fixture.RunAsync("limits", "replay", candidate, "--data", fixture.Data, "--json")).Ended(0).Json();
        Assert.True(json.GetProperty("newlyRejected").GetInt64() >= CliServerFixture.Permits - 1, json.ToString());
        var text = (await fixture.RunAsync("limits", "replay", candidate, "--data", fixture.Data)).Ended(0);
        Assert.Contains("rule api-per-user", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("{", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_shows_the_server_and_its_systems()
    {
        var json = (await fixture.RunAsync("status", "--json", "--data", fixture.Data)).Ended(0).Json();
        Assert.Equal(fixture.Data, json.GetProperty("server").GetProperty("dataDirectory").GetString());
        Assert.Equal(fixture.Server.Printed("console"), json.GetProperty("server").GetProperty("addresses").GetProperty("http").GetString());
        var system = Assert.Single(json.GetProperty("systems").EnumerateArray());
        Assert.Equal("rate-limiter", system.GetProperty("name").GetString());
        Assert.Equal("healthy", system.GetProperty("health").GetString());
        var text = (await fixture.RunAsync("status", "--data", fixture.Data)).Ended(0);
        Assert.Matches(@"(?m)^rate-limiter\s+healthy\s+embedded:\s+decisions/s", text.Output);
        Assert.DoesNotContain("{", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_in_use_is_named_with_the_way_out()
    {
        var second = (await CliProgram.RunAsync(fixture.Directory, CliServer.Arguments("--data", fixture.Data))).Ended(1);
        Assert.Contains($"{fixture.Data} is held by another Tenfold server", second.Output, StringComparison.Ordinal);
        Assert.Contains("--data", second.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--http")]
    [InlineData("--grpc")]
    [InlineData("--resp")]
    public async Task A_taken_port_is_named_with_its_flag(string flag)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var arguments = CliServer.Arguments("--data", Path.Combine(fixture.Directory, $"taken{flag}"));
        arguments[Array.IndexOf(arguments, flag) + 1] = taken.LocalEndpoint.ToString()!;
        var failed = (await CliProgram.RunAsync(fixture.Directory, arguments)).Ended(1);
        Assert.Contains($"{taken.LocalEndpoint} is taken by another program. Choose another with {flag}, as {flag} 127.0.0.1:0", failed.Output, StringComparison.Ordinal);
        Assert.Contains($"tenfold: {taken.LocalEndpoint} is taken", failed.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", failed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_said_with_the_way_out()
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var address = $"http://{closed.LocalEndpoint}";
        closed.Stop();
        var status = (await fixture.RunAsync("status", "--server", address)).Ended(1);
        Assert.Contains($"no Tenfold server answers at {address}", status.Output, StringComparison.Ordinal);
        Assert.Contains("tenfold up", status.Output, StringComparison.Ordinal);
    }

    // Takes a user's whole limit and returns the id of the first rejection.
    private async Task<string> UseUpAsync(string user)
    {
        for (var i = 0; i < CliServerFixture.Permits; i++)
        {
            using var admitted = await fixture.Server.AskAsync(user);
            Assert.Equal(HttpStatusCode.OK, admitted.StatusCode);
        }

        using var rejected = await fixture.Server.AskAsync(user);
        Assert.Equal(HttpStatusCode.TooManyRequests, rejected.StatusCode);
        Assert.True(rejected.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        return rejected.Headers.GetValues("X-Tenfold-Decision").Single();
    }
}

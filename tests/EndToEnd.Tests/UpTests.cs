using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary><c>tenfold up</c> as a new user meets it: started, tried, stopped, killed, started again.</summary>
public sealed partial class UpTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_curl_that_it_prints_is_admitted_five_times_and_then_told_when_to_come_back()
    {
        await using var server = await CliServer.StartAsync(_directory.Path);
        var printed = Curl().Match(await server.Process.WaitForLineAsync("curl -i '")).Groups["url"].Value;
        var url = new Uri(printed);
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, await server.StatusAsync(url.PathAndQuery));
        using var sixth = await server.Http.GetAsync(url, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.TooManyRequests, sixth.StatusCode);
        Assert.InRange(sixth.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 10);
        Assert.Equal("application/problem+json", sixth.Content.Headers.ContentType?.MediaType);

        var why = await CliProgram.RunAsync(_directory.Path, "limits", "why", sixth.Headers.GetValues("X-Tenfold-Decision").Single());
        Assert.Equal(0, why.ExitCode);
        Assert.Contains("rejected", why.Output, StringComparison.Ordinal);
        Assert.Contains("demo", why.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_prints_every_address_and_where_the_data_is()
    {
        await using var server = await CliServer.StartAsync(_directory.Path);
        var info = await server.Http.GetFromJsonAsync<JsonElement>("/api/info", TestContext.Current.CancellationToken);
        foreach (var address in info.GetProperty("addresses").EnumerateObject())
            Assert.Contains(address.Value.GetString()!, server.Process.Output, StringComparison.Ordinal);
        Assert.Contains($"{Path.Combine(_directory.Path, ".tenfold")} (kept)", server.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(":0\n", server.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_lets_a_request_in_flight_finish_and_exits_0()
    {
        await using var server = await CliServer.StartAsync(_directory.Path);
        using var body = new HeldContent("{\"attributes\":{\"path\":\"/demo\",\"user\":\"bob\"}}"u8.ToArray());
        var inFlight = server.Http.PostAsync(new Uri("/api/rate-limiter/acquire", UriKind.Relative), body, TestContext.Current.CancellationToken);
        await body.Started;
        await Eventually.HoldsAsync(async () => ActivePost().IsMatch(await server.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative))), "the request is at work");

        server.Process.Terminate();
        await Eventually.HoldsAsync(() => RefusesAsync(server.Http.BaseAddress!), "the listener closes");
        Assert.False(inFlight.IsCompleted);
        body.Finish();
        using var answer = await inFlight;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, await server.Process.WaitForExitAsync());
        Assert.Contains("Stopped; the data is kept.", server.Process.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_directory.Path, ".tenfold", "server.json")));
    }

    [Fact]
    public async Task An_open_live_stream_does_not_hold_the_stop_up()
    {
        await using var server = await CliServer.StartAsync(_directory.Path, "--set", "Server:DrainLimit=1h");
        foreach (var path in new[] { "/api/live", "/api/rate-limiter/live" })
        {
            var stream = await server.Http.GetStreamAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            await stream.ReadExactlyAsync(new byte[8], TestContext.Current.CancellationToken);
        }

        server.Process.Terminate();
        Assert.Equal(0, await server.Process.WaitForExitAsync());
    }

    [Fact]
    public async Task Killed_and_started_again_it_knows_what_was_used()
    {
        string[] journal = ["--set", "RateLimiting:Embedded:JournalPath=rate-limiter.journal", "--set", "RateLimiting:Embedded:JournalDurability=Os"];
        const string Request = "/api/rate-limiter/acquire?key=carol&limit=3/1h";
        await using (var first = await CliServer.StartAsync(_directory.Path, journal))
        {
            for (var i = 0; i < 3; i++)
                Assert.Equal(HttpStatusCode.OK, await first.StatusAsync(Request));
            first.Process.Kill();
        }

        Assert.True(File.Exists(Path.Combine(_directory.Path, ".tenfold", "rate-limiter.journal")));
        await using var second = await CliServer.StartAsync(_directory.Path, journal);
        Assert.Equal(HttpStatusCode.TooManyRequests, await second.StatusAsync(Request));
        Assert.Equal(HttpStatusCode.OK, await second.StatusAsync("/api/rate-limiter/acquire?key=dave&limit=3/1h"));
    }

    [Fact]
    public async Task A_second_server_over_the_same_data_is_refused()
    {
        await using var server = await CliServer.StartAsync(_directory.Path);
        var (exitCode, output) = await CliProgram.RunAsync(_directory.Path, CliServer.Arguments());
        Assert.Equal(1, exitCode);
        Assert.Contains("is held by another Tenfold server", output, StringComparison.Ordinal);
        Assert.Contains("--data", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_are_read_again_while_it_runs_and_faulty_ones_are_not_taken()
    {
        var file = Path.Combine(_directory.Path, "tenfold.json");
        await File.WriteAllTextAsync(file, Rules(2), TestContext.Current.CancellationToken);
        await using var server = await CliServer.StartAsync(_directory.Path);
        Assert.Equal(2, await PermitsAsync());

        await File.WriteAllTextAsync(file, Rules(7), TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync(async () => await PermitsAsync() == 7, "the changed rule is in force");

        await File.WriteAllTextAsync(file, "{ broken", TestContext.Current.CancellationToken);
        await server.Process.WaitForLineAsync("the change was not taken");
        Assert.Equal(7, await PermitsAsync());

        static string Rules(int permits) =>
            $$"""{ "Tenfold": { "RateLimiting": { "Rules": [ { "Name": "r", "Key": "user", "Limits": [ { "Permits": {{permits}}, "Period": "1h" } ] } ] } } }""";

        async ValueTask<int> PermitsAsync()
        {
            var rules = await server.Http.GetFromJsonAsync<JsonElement>("/api/rate-limiter/rules", TestContext.Current.CancellationToken);
            return rules[0].GetProperty("limits")[0].GetProperty("permits").GetInt32();
        }
    }

    [Fact]
    public async Task Status_shows_the_server_of_the_directory()
    {
        var (before, message) = await CliProgram.RunAsync(_directory.Path, "status", "--server", "http://127.0.0.1:1");
        Assert.Equal(1, before);
        Assert.Contains("Start one with 'tenfold up'", message, StringComparison.Ordinal);

        await using var server = await CliServer.StartAsync(_directory.Path);
        var status = (await CliProgram.RunAsync(_directory.Path, "status", "--json")).Json();
        Assert.Equal(server.Http.BaseAddress, new Uri(status.GetProperty("server").GetProperty("addresses").GetProperty("http").GetString()!));
        var system = Assert.Single(status.GetProperty("systems").EnumerateArray());
        Assert.Equal("rate-limiter", system.GetProperty("name").GetString());
        Assert.Equal("healthy", system.GetProperty("health").GetString());

        var (exitCode, table) = await CliProgram.RunAsync(_directory.Path, "status");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"rate-limiter +healthy +embedded:", table);
    }

    private static async ValueTask<bool> RefusesAsync(Uri address)
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    [GeneratedRegex(@"^http_server_active_requests\{[^}]*POST[^}]*\} 1\b", RegexOptions.Multiline)]
    private static partial Regex ActivePost();

    [GeneratedRegex("curl -i '(?<url>[^']+)'", RegexOptions.ExplicitCapture)]
    private static partial Regex Curl();

    /// <summary>A body whose end is held back, so that its request is in flight for as long as a test wants.</summary>
    private sealed class HeldContent : HttpContent
    {
        private readonly byte[] _content;
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _finish = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HeldContent(byte[] content)
        {
            _content = content;
            Headers.ContentType = new("application/json");
        }

        public Task Started => _started.Task;

        public void Finish() => _finish.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(_content.AsMemory(0, 1));
            await stream.FlushAsync();
            _started.SetResult();
            await _finish.Task;
            await stream.WriteAsync(_content.AsMemory(1));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _content.Length;
            return true;
        }
    }
}

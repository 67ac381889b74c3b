using System.Net;
using System.Net.Sockets;
using System.Text;
using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary>How a server ends and comes back: asked to, it answers what it has begun; killed, it starts again over the same data.</summary>
public sealed class CliLifetimeTests
{
    [Fact]
    public async Task Told_to_stop_it_answers_the_request_in_flight_and_ends_with_0()
    {
        using var directory = new TemporaryDirectory();
        await using var server = await CliServer.StartAsync(directory.Path, "--data", Path.Combine(directory.Path, "data"));
        var address = new IPEndPoint(IPAddress.Loopback, server.Http.BaseAddress!.Port);
        using var client = new TcpClient();
        await client.ConnectAsync(address, TestContext.Current.CancellationToken);
        var stream = client.GetStream();
        var body = Encoding.ASCII.GetBytes("""{"attributes":{"key":"alice"},"cost":1}""");
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"POST /api/rate-limiter/acquire HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nExpect: 100-continue\r\n\r\n"),
            TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        // The server asks for the body only once it is at work on the request.
        Assert.Equal("HTTP/1.1 100 Continue", await reader.ReadLineAsync(TestContext.Current.CancellationToken));

        server.Process.Terminate();
        await Eventually.HoldsAsync(async () => await IsClosedAsync(address), "the port to take no new connection");
        Assert.False(server.Process.HasExited);
        await stream.WriteAsync(body, TestContext.Current.CancellationToken);
        Assert.Equal("", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal("HTTP/1.1 200 OK", await reader.ReadLineAsync(TestContext.Current.CancellationToken));

        Assert.Equal(0, await server.Process.WaitForExitAsync());
        Assert.EndsWith("Stopped; the data is kept.", server.Process.Output, StringComparison.Ordinal);
        CliProgram.AssertNoStackTrace(server.Process.Output);
    }

    [Fact]
    public async Task Killed_it_starts_again_over_the_same_data_and_is_found_there()
    {
        using var directory = new TemporaryDirectory();
        var data = Path.Combine(directory.Path, "data");
        await using (var killed = await CliServer.StartAsync(directory.Path, "--data", data))
            killed.Process.Kill();

        await using var again = await CliServer.StartAsync(directory.Path, "--data", data);
        using var admitted = await again.AskAsync("alice");
        Assert.Equal(HttpStatusCode.OK, admitted.StatusCode);
        var status = (await CliProgram.RunAsync(directory.Path, "status", "--json", "--data", data)).Ended(0).Json();
        Assert.Equal(again.Printed("console"), status.GetProperty("server").GetProperty("addresses").GetProperty("http").GetString());
        CliProgram.AssertNoStackTrace(again.Process.Output);
    }

    private static async ValueTask<bool> IsClosedAsync(IPEndPoint address)
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(address, TestContext.Current.CancellationToken);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }
}

using System.Text;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>What a client must never be able to do: crash the process, grow its memory, or disturb the others.</summary>
public sealed class RespAbuseTests
{
    private const int MaxRequestBytes = 16_384;

    public static TheoryData<string> Broken => new(
        "*1000000000\r\n",
        "*1\r\n$-5\r\n",
        "*1\r\n$536870912\r\n",
        "*2\r\n$11\r\nCL.THROTTLE\r\n$1048576\r\nxxxxxxxx",
        "*1\r\n$4\r\nPINGxx\r\n",
        "*1\r\n:4\r\n",
        "*9223372036854775808\r\n",
        "\"unbalanced\r\n",
        new string('x', MaxRequestBytes + 1));

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task A_broken_frame_ends_its_connection_with_a_word_and_no_other(string bytes)
    {
        await using var face = await StartAsync();
        using var neighbour = await face.ConnectAsync();
        await neighbour.ExpectAsync("PING\r\n", "+PONG\r\n");

        using (var client = await face.ConnectAsync())
        {
            await client.SendAsync("PING\r\n" + bytes);
            var reply = await client.ReadToEndAsync();
            Assert.StartsWith("+PONG\r\n-ERR Protocol error: ", reply, StringComparison.Ordinal);
            Assert.EndsWith("\r\n", reply, StringComparison.Ordinal);
        }

        Assert.Equal(1, face.Statistics.ProtocolFaults);
        await neighbour.ExpectAsync("CL.THROTTLE k 1 1 1\r\n", "*5\r\n:0\r\n:2\r\n:1\r\n:-1\r\n:1\r\n");
    }

    [Fact]
    public async Task A_frame_that_stops_in_the_middle_waits_and_then_goes_away_with_its_client()
    {
        await using var face = await StartAsync();
        var client = await face.ConnectAsync();
        await client.SendAsync("PING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhe");
        await client.ExpectAsync("+PONG\r\n");

        client.EndSending();

        Assert.Equal("", await client.ReadToEndAsync());
        client.Dispose();
        await Eventually.HoldsAsync(() => face.Statistics.Connections == 0, "the connection to be forgotten");
    }

    [Fact]
    public async Task Random_bytes_never_disturb_a_neighbour()
    {
        await using var face = await StartAsync();
        using var neighbour = await face.ConnectAsync();
        var random = new Random(20_260_101);
        for (var round = 0; round < 300; round++)
        {
            var bytes = Mutate(random);
            using (var client = await face.ConnectAsync())
            {
                try
                {
                    await client.SendAsync(bytes);
                    client.EndSending();
                }
                catch (System.Net.Sockets.SocketException)
                {
                    // It closed on us in the middle: that is an answer too.
                }

                await client.ReadToEndAsync();
            }

            await neighbour.ExpectAsync("PING\r\n", "+PONG\r\n");
        }

        await Eventually.HoldsAsync(() => face.Statistics.Connections == 1, "all but the neighbour to be gone");
    }

    [Fact]
    public async Task Memory_stays_bounded_under_lying_lengths_long_lines_and_replies_that_nobody_reads()
    {
        await using var face = await StartAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clients = new List<RawClient>();
        for (var i = 0; i < 100; i++)
        {
            var client = await face.ConnectAsync();
            clients.Add(client);
            await client.SendAsync($"*2\r\n$4\r\nECHO\r\n${MaxRequestBytes - 40}\r\n{new string('x', MaxRequestBytes / 2)}");
        }

        // Pipelines of echoes, never read: the server must stop reading instead of keeping the replies.
        var pipeline = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"*2\r\n$4\r\nECHO\r\n$8000\r\n{new string('y', 8000)}\r\n", 100)));
        var flooding = new List<Task>();
        for (var i = 0; i < 10; i++)
        {
            var client = await face.ConnectAsync();
            clients.Add(client);
            flooding.Add(FloodAsync(client, pipeline));
        }

        using var neighbour = await face.ConnectAsync();
        for (var i = 0; i < 1000; i++)
            await neighbour.ExpectAsync("PING\r\n", "+PONG\r\n");
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 32_000_000);

        foreach (var client in clients)
            client.Dispose();
        await Task.WhenAll(flooding);
        await Eventually.HoldsAsync(() => face.Statistics.Connections == 1, "all but the neighbour to be gone");
    }

    // At most 40 MB each; ends when the server stops reading and the client is disposed.
    private static async Task FloodAsync(RawClient client, byte[] pipeline)
    {
        try
        {
            for (var i = 0; i < 50; i++)
                await client.SendAsync(pipeline);
        }
        catch (Exception fault) when (fault is System.Net.Sockets.SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // As meant.
        }
    }

    private static byte[] Mutate(Random random)
    {
        var bytes = new byte[random.Next(1, 2000)];
        if (random.Next(3) == 0)
        {
            random.NextBytes(bytes);
            return bytes;
        }

        // Nearly right commands reach deeper than noise.
        var commands = string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(i =>
            $"*5\r\n$11\r\nCL.THROTTLE\r\n$3\r\nk{i:00}\r\n$1\r\n5\r\n$2\r\n10\r\n$2\r\n60\r\n"));
        bytes = Encoding.ASCII.GetBytes(commands);
        for (var i = random.Next(1, 6); i > 0; i--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return bytes[..random.Next(1, bytes.Length + 1)];
    }

    private static Task<RespFace> StartAsync() => RespFace.StartAsync(
        new RespTestStore(TimeProvider.System), configure: options => options.MaxRequestBytes = MaxRequestBytes);
}

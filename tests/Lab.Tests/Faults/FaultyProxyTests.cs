using System.Net.Sockets;
using Tenfold.Lab.Faults;

namespace Tenfold.Lab.Tests.Faults;

public sealed class FaultyProxyTests : IAsyncLifetime
{
    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;
    private ScriptedServer _echo = null!;
    private FaultyProxy _proxy = null!;

    public ValueTask InitializeAsync()
    {
        _echo = new ScriptedServer(chunk => chunk.ToArray());
        _proxy = new FaultyProxy(_echo.Address, TimeProvider.System);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _echo.DisposeAsync();
    }

    [Fact]
    public async Task Bytes_pass_unchanged_and_in_order()
    {
        using var client = await ConnectAsync();
        var sent = new byte[1_000_000];
        new Random(1).NextBytes(sent);

        var sending = client.SendAsync(sent, _cancelled);
        Assert.Equal(sent, await ReceiveAsync(client, sent.Length));
        await sending;
    }

    [Fact]
    public async Task A_delay_holds_each_direction_back_at_least_that_long()
    {
        using var client = await ConnectAsync();
        _proxy.Delay(TimeSpan.FromMilliseconds(60));
        var start = TimeProvider.System.GetTimestamp();

        await EchoAsync(client, 1);

        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(115));
    }

    [Fact]
    public async Task What_is_dropped_stays_silent_until_restored_and_then_arrives_once()
    {
        using var client = await ConnectAsync();
        await EchoAsync(client, 1);

        _proxy.Drop();
        await client.SendAsync(new byte[] { 2 }, _cancelled);
        var answer = ReceiveAsync(client, 1);
        // A second connection is taken, and as silent: proof that a whole exchange had time and nothing came through.
        using var other = await ConnectAsync();
        Assert.False(answer.IsCompleted);
        Assert.True(client.Connected);

        _proxy.Restore();
        Assert.Equal([2], await answer);
        await EchoAsync(client, 3);
    }

    [Fact]
    public async Task A_cut_resets_what_is_open_and_what_comes_until_restored()
    {
        using var client = await ConnectAsync();
        await EchoAsync(client, 1);

        _proxy.Cut();
        await AssertEndsAsync(connect: false, client);
        await AssertEndsAsync(connect: true);

        _proxy.Restore();
        using var again = await ConnectAsync();
        await EchoAsync(again, 7);
        Assert.Equal(1, _proxy.OpenLinks);
    }

    private async Task<Socket> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(_proxy.Address, _cancelled);
        return client;
    }

    private async Task EchoAsync(Socket client, byte value)
    {
        await client.SendAsync(new[] { value }, _cancelled);
        Assert.Equal([value], await ReceiveAsync(client, 1));
    }

    private async Task<byte[]> ReceiveAsync(Socket client, int count)
    {
        var received = new byte[count];
        for (var at = 0; at < count;)
        {
            var more = await client.ReceiveAsync(received.AsMemory(at), _cancelled);
            Assert.NotEqual(0, more);
            at += more;
        }

        return received;
    }

    /// <summary>A reset may be seen at once, while still connecting, or at the first read.</summary>
    private async Task AssertEndsAsync(bool connect, Socket? client = null)
    {
        try
        {
            using var refused = connect ? await ConnectAsync() : null;
            Assert.Equal(0, await (client ?? refused!).ReceiveAsync(new byte[1], _cancelled));
        }
        catch (SocketException fault)
        {
            Assert.Equal(SocketError.ConnectionReset, fault.SocketErrorCode);
        }
    }
}

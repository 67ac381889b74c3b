using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

public sealed class RespListenerTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    // The table of redis-cell's own documentation: limit 5, one a second.
    [Fact]
    public async Task Cl_throttle_answers_the_five_integers_of_redis_cell()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await Expect(client, 6, 1, 5, -1, 0);
        await Expect(client, 1, 0, 4, -1, 1);
        await Expect(client, 1, 0, 3, -1, 2);
        await Expect(client, 1, 0, 2, -1, 3);
        await Expect(client, 1, 0, 1, -1, 4);
        await Expect(client, 1, 0, 0, -1, 5);
        await Expect(client, 1, 1, 0, 1, 5);
        _time.Advance(TimeSpan.FromMilliseconds(3000));
        await Expect(client, 1, 0, 2, -1, 3);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        await Expect(client, 1, 0, 1, -1, 4);
        _time.Advance(TimeSpan.FromMilliseconds(900));
        await Expect(client, 1, 0, 1, -1, 4);
        _time.Advance(TimeSpan.FromMilliseconds(4000));
        await Expect(client, 1, 0, 4, -1, 1);
        _time.Advance(TimeSpan.FromMilliseconds(1500));
        await Expect(client, 1, 0, 4, -1, 1);
        await Expect(client, 0, 0, 4, -1, 1);
        await Expect(client, 2, 0, 2, -1, 3);
        await Expect(client, 5, 1, 2, 3, 3);
        _time.Advance(TimeSpan.FromTicks(1));
        await Expect(client, 5, 1, 2, 3, 3);

        static Task Expect(RawClient client, int quantity, int limited, int remaining, int retry, int reset) =>
            client.ExpectAsync(
                $"CL.THROTTLE foo 4 1 1 {quantity}\r\n", $"*5\r\n:{limited}\r\n:5\r\n:{remaining}\r\n:{retry}\r\n:{reset}\r\n");
    }

    [Fact]
    public async Task Another_rate_for_a_key_counts_what_was_used_under_the_one_before()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await client.ExpectAsync("CL.THROTTLE k 9 10 10 4\r\n", "*5\r\n:0\r\n:10\r\n:6\r\n:-1\r\n:4\r\n");
        await client.ExpectAsync("CL.THROTTLE k 19 10 10 0\r\n", "*5\r\n:0\r\n:20\r\n:16\r\n:-1\r\n:4\r\n");
        await client.ExpectAsync("CL.THROTTLE k 4 10 10\r\n", "*5\r\n:0\r\n:5\r\n:0\r\n:-1\r\n:5\r\n");
        await client.ExpectAsync("CL.THROTTLE k 4 10 10\r\n", "*5\r\n:1\r\n:5\r\n:0\r\n:1\r\n:5\r\n");
    }

    [Fact]
    public async Task A_quantity_of_zero_is_never_limited_even_on_a_full_bucket()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await client.ExpectAsync("CL.THROTTLE k 0 1 60\r\n", "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n");
        await client.ExpectAsync("CL.THROTTLE k 0 1 60 0\r\n", "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n");
    }

    [Theory]
    [InlineData("CL.THROTTLE\r\n", "-ERR wrong number of arguments")]
    [InlineData("CL.THROTTLE k 1 2\r\n", "-ERR wrong number of arguments")]
    [InlineData("CL.THROTTLE k 1 2 3 4 5\r\n", "-ERR wrong number of arguments")]
    [InlineData("CL.THROTTLE k one 2 3\r\n", "-ERR max_burst, count, period and quantity must be whole numbers")]
    [InlineData("CL.THROTTLE k 1 NaN 3\r\n", "-ERR max_burst, count, period and quantity must be whole numbers")]
    [InlineData("CL.THROTTLE k 1 2 3.5\r\n", "-ERR max_burst, count, period and quantity must be whole numbers")]
    [InlineData("CL.THROTTLE k 99999999999999999999 2 3\r\n", "-ERR max_burst, count, period and quantity must be whole numbers")]
    [InlineData("CL.THROTTLE k -1 2 3\r\n", "-ERR max_burst = -1: must be at least 0")]
    [InlineData("CL.THROTTLE k 9223372036854775807 2 3\r\n", "-ERR max_burst = 9223372036854775807: must be at least 0")]
    [InlineData("CL.THROTTLE k 1 0 3\r\n", "-ERR count = 0: must be at least 1")]
    [InlineData("CL.THROTTLE k 1 -7 3\r\n", "-ERR count = -7: must be at least 1")]
    [InlineData("CL.THROTTLE k 1 2 0\r\n", "-ERR period = 0: must be 1-31622400 seconds")]
    [InlineData("CL.THROTTLE k 1 2 9223372036854775807\r\n", "-ERR period = 9223372036854775807: must be 1-31622400 seconds")]
    [InlineData("CL.THROTTLE k 1 2 3 -1\r\n", "-ERR quantity = -1: must be at least 0")]
    [InlineData("GET k\r\n", "-ERR unknown command 'GET'")]
    [InlineData("SELECT 1\r\n", "-ERR DB index is out of range")]
    [InlineData("AUTH x\r\n", "-ERR AUTH called without any password configured")]
    [InlineData("HELLO 4\r\n", "-NOPROTO unsupported protocol version")]
    [InlineData("HELLO 3 BOGUS\r\n", "-ERR syntax error in HELLO")]
    [InlineData("CLIENT KILL x\r\n", "-ERR unknown CLIENT subcommand")]
    [InlineData("ECHO\r\n", "-ERR wrong number of arguments for 'echo'")]
    public async Task A_wrong_command_is_answered_with_why_and_the_connection_goes_on(string command, string error)
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await client.SendAsync(command + "QUIT\r\n");
        var replies = (await client.ReadToEndAsync()).Split("\r\n");

        Assert.StartsWith(error, replies[0], StringComparison.Ordinal);
        Assert.Equal("+OK", replies[1]);
    }

    [Theory]
    [InlineData("PING\r\n", "+PONG\r\n")]
    [InlineData("ping hi\r\n", "$2\r\nhi\r\n")]
    [InlineData("*2\r\n$4\r\nECHO\r\n$3\r\n\xFF\0\n\r\n", "$3\r\n\xFF\0\n\r\n")]
    [InlineData("SELECT 0\r\n", "+OK\r\n")]
    [InlineData("CLIENT GETNAME\r\n", "$-1\r\n")]
    [InlineData("CLIENT SETNAME a\r\nCLIENT GETNAME\r\nRESET\r\nCLIENT GETNAME\r\n", "+OK\r\n$1\r\na\r\n+RESET\r\n$-1\r\n")]
    [InlineData("CLIENT SETINFO LIB-NAME x\r\n", "+OK\r\n")]
    [InlineData("COMMAND COUNT\r\nCOMMAND DOCS\r\nCOMMAND\r\n", ":0\r\n*0\r\n*0\r\n")]
    [InlineData("CONFIG GET save\r\n", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n")]
    [InlineData("CONFIG GET nothing\r\n", "*0\r\n")]
    [InlineData("\r\n*0\r\n*-1\r\nPING\r\n", "+PONG\r\n")]
    public async Task The_commands_that_clients_send_on_connecting_are_answered(string commands, string replies)
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await client.ExpectAsync(commands, replies);
    }

    [Fact]
    public async Task Hello_switches_to_the_third_version_and_back()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();

        await client.ExpectAsync(
            "HELLO 3 SETNAME me\r\nCLIENT GETNAME\r\nCLIENT SETNAME \r\n",
            "%7\r\n$6\r\nserver\r\n$7\r\ntenfold\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n" +
            "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n$2\r\nme\r\n-ERR");
        await client.SendAsync("RESET\r\nHELLO\r\n");
        Assert.Contains("+RESET\r\n*14\r\n", await client.ReadAsync(130), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipeline_is_answered_in_order_however_it_is_cut()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();
        var commands = new StringBuilder();
        var replies = new StringBuilder();
        for (var i = 0; i < 40; i++)
        {
            commands.Append($"*2\r\n$4\r\nECHO\r\n$5\r\n{i:00000}\r\nCL.THROTTLE key{i} 9 10 10\r\n");
            replies.Append($"$5\r\n{i:00000}\r\n*5\r\n:0\r\n:10\r\n:9\r\n:-1\r\n:1\r\n");
        }

        var bytes = Encoding.ASCII.GetBytes(commands.ToString());
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(bytes.Length - at, 1 + (at * 7 % 23));
            await client.SendAsync(bytes[at..(at + length)]);
            at += length;
        }

        await client.ExpectAsync(replies.ToString());
    }

    [Fact]
    public async Task Replies_keep_their_order_while_an_engine_takes_its_time()
    {
        var store = new RespTestStore(_time) { Hold = true };
        await using var face = await RespFace.StartAsync(store);
        using var client = await face.ConnectAsync();

        await client.SendAsync("CL.THROTTLE k 2 1 10\r\nCL.THROTTLE k 2 1 10\r\nCL.THROTTLE bad\r\nCL.THROTTLE k 2 1 10\r\nPING\r\nCL.THROTTLE k 2 1 10\r\n");
        await Eventually.HoldsAsync(() => store.Waiting == 3, "three decisions under way together");
        store.Release();

        await client.ExpectAsync("*5\r\n:0\r\n:3\r\n:2\r\n:-1\r\n:10\r\n*5\r\n:0\r\n:3\r\n:1\r\n:-1\r\n:20\r\n-ERR wrong number of arguments for 'cl.throttle': " +
            "CL.THROTTLE key max_burst count period [quantity]\r\n*5\r\n:0\r\n:3\r\n:0\r\n:-1\r\n:30\r\n+PONG\r\n*5\r\n:1\r\n:3\r\n:0\r\n:10\r\n:30\r\n");
    }

    [Fact]
    public async Task An_engine_that_cannot_be_asked_is_an_error_and_not_a_verdict()
    {
        var store = new RespTestStore(_time) { Unavailable = true };
        await using var face = await RespFace.StartAsync(store);
        using var client = await face.ConnectAsync();

        await client.ExpectAsync("CL.THROTTLE k 2 1 10\r\n", "-UNAVAILABLE the limiter's engine cannot be reached; try again\r\n");
        await Eventually.HoldsAsync(() => face.Statistics.Unavailable == 1, "the answer to be counted");
        Assert.Equal((0, 0), (face.Statistics.Admitted, face.Statistics.Limited));
    }

    [Fact]
    public async Task Nobody_is_served_without_the_password()
    {
        await using var face = await StartAsync(options =>
        {
            options.Password = "s3cret";
            options.Users["bob"] = "builder";
        });
        using var client = await face.ConnectAsync();

        await client.ExpectAsync("CL.THROTTLE k 1 1 1\r\n", "-NOAUTH Authentication required.\r\n");
        await client.ExpectAsync("AUTH wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        await client.ExpectAsync("AUTH nobody s3cret\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        await client.ExpectAsync("AUTH bob s3cret\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        await client.ExpectAsync("PING\r\n", "-NOAUTH Authentication required.\r\n");
        await client.ExpectAsync("HELLO 3\r\n", "-NOAUTH HELLO must be called");
        Assert.Equal(3, face.Statistics.LoginsRefused);

        using var second = await face.ConnectAsync();
        await second.ExpectAsync("AUTH s3cret\r\nPING\r\n", "+OK\r\n+PONG\r\n");
        using var third = await face.ConnectAsync();
        await third.ExpectAsync("HELLO 2 AUTH bob builder\r\n", "*14\r\n");
    }

    [Fact]
    public async Task One_connection_too_many_is_told_so_and_a_place_that_frees_is_given_again()
    {
        await using var face = await StartAsync(options => options.MaxConnections = 2);
        using var first = await face.ConnectAsync();
        var second = await face.ConnectAsync();
        await first.ExpectAsync("PING\r\n", "+PONG\r\n");
        await second.ExpectAsync("PING\r\n", "+PONG\r\n");

        using (var third = await face.ConnectAsync())
            Assert.Equal("-ERR max number of clients reached\r\n", await third.ReadToEndAsync());
        second.Dispose();
        await Eventually.HoldsAsync(() => face.Statistics.Connections == 1, "the place to be free");

        using var fourth = await face.ConnectAsync();
        await fourth.ExpectAsync("PING\r\n", "+PONG\r\n");
    }

    [Fact]
    public async Task Keys_of_any_bytes_are_kept_apart()
    {
        await using var face = await StartAsync();
        using var client = await face.ConnectAsync();
        byte[][] keys = [[], [0xFF], [0xFE], [0xC3, 0x28], "\0xFF"u8.ToArray(), "ä"u8.ToArray(), "\r\n"u8.ToArray()];

        foreach (var key in keys)
        {
            await client.SendAsync(RespParserTests.Encode("CL.THROTTLE"u8.ToArray(), key, "0"u8.ToArray(), "1"u8.ToArray(), "60"u8.ToArray()));
            await client.ExpectAsync("*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n");
        }
    }

    [Theory]
    [InlineData("127.0.0.1", "must be an IP address and a port")]
    [InlineData("localhost:7380", "must be an IP address and a port")]
    [InlineData("0.0.0.0:7380", "reachable from other machines without a password")]
    public void An_address_that_is_none_or_not_safe_is_a_fault(string address, string fault)
    {
        Assert.Contains(fault, Assert.Single(new RespOptions { Address = address }.Faults("Tenfold:RateLimiting:Resp")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_is_named_with_what_to_do()
    {
        await using var face = await StartAsync();

        var fault = await Assert.ThrowsAsync<TenfoldException>(
            () => RespFace.StartAsync(new RespTestStore(_time), configure: options => options.Address = $"127.0.0.1:{face.Port}"));

        Assert.Contains($"Tenfold:RateLimiting:Resp:Address = 127.0.0.1:{face.Port}", fault.Message, StringComparison.Ordinal);
    }

    private Task<RespFace> StartAsync(Action<RespOptions>? configure = null) =>
        RespFace.StartAsync(
            new EmbeddedLimitStore(new EmbeddedStoreOptions(), _time, NullLoggerFactory.Instance), configure: configure, time: _time);
}

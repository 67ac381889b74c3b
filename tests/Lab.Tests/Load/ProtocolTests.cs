using System.Text;
using CsCheck;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Tests.Load;

public sealed class ProtocolTests
{
    private const string Chunked = "HTTP/1.1 429 Too Many Requests\r\nretry-after:  7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    private const string Plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nbody";

    [Theory]
    [InlineData(Chunked)]
    [InlineData(Plain)]
    [InlineData("*5\r\n:1\r\n:10\r\n:0\r\n:4\r\n:9\r\n")]
    [InlineData("-ERR no\r\n")]
    public void An_answer_cut_anywhere_is_not_taken_before_it_is_whole(string text)
    {
        WireProtocol protocol = text[0] == 'H' ? new HttpProtocol("h", ["/"]) : new ThrottleProtocol("k", 1, 1, 1, 1);
        var bytes = Encoding.ASCII.GetBytes(text + "next");
        for (var length = 0; length < text.Length; length++)
            Assert.False(protocol.TryRead(bytes.AsSpan(0, length), out _, out _));
        Assert.True(protocol.TryRead(bytes, out var consumed, out _));
        Assert.Equal(text.Length, consumed);
    }

    [Fact]
    public void Status_and_retry_time_are_read()
    {
        var protocol = new HttpProtocol("h", ["/"]);

        Assert.True(protocol.TryRead(Encoding.ASCII.GetBytes(Chunked), out _, out var rejected));
        Assert.True(protocol.TryRead(Encoding.ASCII.GetBytes(Plain), out _, out var admitted));
        Assert.True(protocol.TryRead("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8, out _, out var failed));

        Assert.Equal(new Answer(Ending.Rejected, 429, 7), rejected);
        Assert.Equal(new Answer(Ending.Admitted, 200, null), admitted);
        Assert.Equal(new Answer(Ending.Failed, 503, null, ClosesConnection: true), failed);
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n\r\n")]
    [InlineData("HTTP/1.1 abc OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    public void What_is_no_HTTP_is_refused(string text) =>
        Assert.Throws<FormatException>(() => new HttpProtocol("h", ["/"]).TryRead(Encoding.ASCII.GetBytes(text), out _, out _));

    [Theory]
    [InlineData("+OK\r\n")]
    [InlineData("*5\r\n$1\r\n")]
    [InlineData("\r\n")]
    public void What_is_no_answer_to_a_throttle_is_refused(string text) =>
        Assert.Throws<FormatException>(() => new ThrottleProtocol("k", 1, 1, 1, 1).TryRead(Encoding.ASCII.GetBytes(text), out _, out _));

    [Fact]
    public void A_throttle_request_is_well_formed_for_every_key()
    {
        var protocol = new ThrottleProtocol("user:", 20, 100, 60, depth: 1);
        var buffer = new byte[protocol.MaxRequestBytes];
        Gen.Int[0, int.MaxValue].Sample(key =>
        {
            var length = protocol.Write(key, buffer);
            var name = $"user:{key}";
            Assert.Equal($"*5\r\n$11\r\nCL.THROTTLE\r\n${name.Length}\r\n{name}\r\n$2\r\n20\r\n$3\r\n100\r\n$2\r\n60\r\n", Encoding.ASCII.GetString(buffer, 0, length));
        }, threads: 1);
    }
}

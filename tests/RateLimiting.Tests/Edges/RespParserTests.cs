using System.Globalization;
using System.Text;
using CsCheck;
using Tenfold.RateLimiting.Edges;

namespace Tenfold.RateLimiting.Tests.Edges;

public sealed class RespParserTests
{
    private const int MaxBytes = 65_536;

    private static readonly Gen<byte[][]> Commands = Gen.Byte.Array[0, 40].Array[1, 12];

    [Fact]
    public void A_command_is_read_back_wherever_it_is_cut()
    {
        Commands.Sample(
            arguments =>
            {
                var bytes = Encode(arguments);
                for (var cut = 0; cut < bytes.Length; cut++)
                    Assert.Equal(RespFrame.Incomplete, Read(bytes[..cut], out _, out _));
                Assert.Equal(RespFrame.Command, Read([.. bytes, .. "*1\r\n$4\r\nPING\r\n"u8], out var read, out var consumed));
                Assert.Equal(bytes.Length, consumed);
                Assert.Equal(arguments, read);
            },
            iter: 300);
    }

    [Fact]
    public void Random_bytes_are_a_command_an_incomplete_one_or_a_fault_but_never_more_than_arrived()
    {
        Gen.Byte.Array[0, 300].Sample(
            bytes =>
            {
                var frame = Read(bytes, out _, out var consumed);
                Assert.InRange(consumed, 0, bytes.Length);
                Assert.Equal(frame == RespFrame.Command, consumed > 0);
            },
            iter: 20_000);
    }

    [Theory]
    [InlineData("*1000000000\r\n", "invalid multibulk length")]
    [InlineData("*99999999999999999999\r\n", "invalid multibulk length")]
    [InlineData("*abc\r\n", "invalid multibulk length")]
    [InlineData("*-\r\n", "invalid multibulk length")]
    [InlineData("*1\rX", "invalid multibulk length")]
    [InlineData("*1\r\n$-5\r\n", "invalid bulk length")]
    [InlineData("*1\r\n$99999999999\r\n", "invalid bulk length")]
    [InlineData("*1\r\n$536870912\r\n", "over the limit of 65536")]
    [InlineData("*2\r\n$4\r\nPING\r\n+OK\r\n", "expected '$', got '+'")]
    [InlineData("*1\r\n$4\r\nPINGPONG", "must end with CR LF")]
    [InlineData("SET \"a b\" c\r\n", "quotes have no meaning")]
    public void A_broken_frame_is_a_fault_that_says_why(string bytes, string why)
    {
        var frame = RespParser.Read(
            Encoding.Latin1.GetBytes(bytes), new RespArgument[RespParser.MaxArguments], MaxBytes, out _, out _, out var fault);

        Assert.Equal(RespFrame.Fault, frame);
        Assert.Contains(why, fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_without_end_is_a_fault_once_it_is_over_the_limit()
    {
        Assert.Equal(RespFrame.Incomplete, Read(new byte[MaxBytes - 1], out _, out _));
        Assert.Equal(RespFrame.Fault, Read(new byte[MaxBytes], out _, out _));
    }

    [Theory]
    [InlineData("PING\r\n", "PING")]
    [InlineData("  cl.throttle  k 1 2\t3 \n", "cl.throttle,k,1,2,3")]
    [InlineData("\r\n", "")]
    [InlineData("*0\r\n", "")]
    [InlineData("*-1\r\n", "")]
    public void Inline_commands_are_words_and_empty_ones_are_nothing(string line, string words)
    {
        Assert.Equal(RespFrame.Command, Read(Encoding.Latin1.GetBytes(line), out var read, out var consumed));
        Assert.Equal(line.Length, consumed);
        Assert.Equal(words, string.Join(',', read.Select(Encoding.Latin1.GetString)));
    }

    [Fact]
    public void Integers_are_read_as_the_framework_reads_them()
    {
        Gen.OneOf(Gen.Long.Select(value => value.ToString(CultureInfo.InvariantCulture)), Gen.Char["-0123456789+. x"].Array[0, 22].Select(text => new string(text))).Sample(
            text =>
            {
                var expected = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
                    && text[0] != '+' && text.Length <= 20 && text.TrimStart('-').Length <= 19;
                Assert.Equal(
                    expected && value != long.MinValue,
                    RespParser.TryParseInteger(Encoding.ASCII.GetBytes(text), out var read));
                Assert.True(!expected || value == long.MinValue || value == read);
            },
            iter: 20_000);
    }

    internal static byte[] Encode(params byte[][] arguments)
    {
        using var stream = new MemoryStream();
        stream.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"*{arguments.Length}\r\n")));
        foreach (var argument in arguments)
        {
            stream.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"${argument.Length}\r\n")));
            stream.Write(argument);
            stream.Write("\r\n"u8);
        }

        return stream.ToArray();
    }

    private static RespFrame Read(byte[] bytes, out byte[][] arguments, out int consumed)
    {
        var found = new RespArgument[RespParser.MaxArguments];
        var frame = RespParser.Read(bytes, found, MaxBytes, out var count, out consumed, out _);
        arguments = [.. found.Take(count).Select(argument => argument.In(bytes).ToArray())];
        return frame;
    }
}

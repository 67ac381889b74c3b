using System.Runtime.InteropServices;

namespace Tenfold.RateLimiting.Edges;

/// <summary>What the parser found at the start of a buffer.</summary>
internal enum RespFrame
{
    /// <summary>A whole command; it may have no arguments (an empty line), which is answered with nothing.</summary>
    Command,

    /// <summary>The start of a command: read more.</summary>
    Incomplete,

    /// <summary>No command can start so. The connection's framing is lost: answer and close.</summary>
    Fault,
}

/// <summary>Where an argument lies in the buffer.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RespArgument(int Start, int Length)
{
    public ReadOnlySpan<byte> In(ReadOnlySpan<byte> buffer) => buffer.Slice(Start, Length);
}

/// <summary>
/// Finds the commands in what a client sent: arrays of bulk strings, and inline commands (a line of words).
/// Source: the public description of RESP, versions 2 and 3 (requests are the same in both).
/// </summary>
/// <remarks>Pure, allocates nothing but a fault's text. Never trusts a length: one that cannot fit the bound is a fault at once.</remarks>
internal static class RespParser
{
    /// <summary>The most arguments of a command: <c>TENFOLD.RESERVE</c> with every attribute, and a few spare.</summary>
    public const int MaxArguments = (2 * RateLimitRequest.MaxAttributes) + 8;

    // "-" or digits of a 32-bit number: no honest length is longer.
    private const int MaxNumberDigits = 10;

    /// <summary>Reads one command.</summary>
    /// <param name="buffer">What arrived and is not yet consumed.</param>
    /// <param name="arguments">Receives where the arguments lie; at least <see cref="MaxArguments"/> long.</param>
    /// <param name="maxBytes">The most bytes of one command.</param>
    /// <param name="count">How many arguments were found.</param>
    /// <param name="consumed">How many bytes the command took.</param>
    /// <param name="fault">What is wrong, when it is a fault.</param>
    public static RespFrame Read(
        ReadOnlySpan<byte> buffer, Span<RespArgument> arguments, int maxBytes, out int count, out int consumed, out string? fault)
    {
        count = 0;
        consumed = 0;
        fault = null;
        if (buffer.IsEmpty)
            return RespFrame.Incomplete;
        var frame = buffer[0] == (byte)'*'
            ? ReadArray(buffer, arguments, maxBytes, out count, out consumed, out fault)
            : ReadInline(buffer, arguments, out count, out consumed, out fault);
        if (frame == RespFrame.Incomplete && buffer.Length >= maxBytes)
        {
            fault = TooLarge(buffer.Length, maxBytes);
            return RespFrame.Fault;
        }

        return frame;
    }

    /// <summary>Reads a whole number as commands write it: digits, with an optional minus.</summary>
    public static bool TryParseInteger(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        var negative = !text.IsEmpty && text[0] == (byte)'-';
        if (negative)
            text = text[1..];
        if (text.IsEmpty || text.Length > 19)
            return false;
        ulong magnitude = 0;
        foreach (var c in text)
        {
            var digit = (uint)(c - '0');
            if (digit > 9)
                return false;
            magnitude = (magnitude * 10) + digit;
        }

        // Nineteen digits fit 64 bits without a sign, so only the sign can overflow.
        if (magnitude > long.MaxValue)
            return false;
        value = negative ? -(long)magnitude : (long)magnitude;
        return true;
    }

    private static RespFrame ReadArray(
        ReadOnlySpan<byte> buffer, Span<RespArgument> arguments, int maxBytes, out int count, out int consumed, out string? fault)
    {
        count = 0;
        consumed = 0;
        var position = 1;
        var frame = ReadLength(buffer, ref position, out var elements);
        if (frame != RespFrame.Command || elements > MaxArguments)
        {
            fault = frame == RespFrame.Command
                ? $"invalid multibulk length: {elements} arguments, at most {MaxArguments}"
                : "invalid multibulk length";
            return frame == RespFrame.Incomplete ? frame : RespFrame.Fault;
        }

        for (var i = 0; i < elements; i++)
        {
            frame = ReadBulk(buffer, ref position, maxBytes, out arguments[i], out fault);
            if (frame != RespFrame.Command)
                return frame;
        }

        fault = null;
        count = (int)Math.Max(elements, 0);
        consumed = position;
        return RespFrame.Command;
    }

    private static RespFrame ReadBulk(
        ReadOnlySpan<byte> buffer, ref int position, int maxBytes, out RespArgument argument, out string? fault)
    {
        argument = default;
        fault = null;
        if (position >= buffer.Length)
            return RespFrame.Incomplete;
        if (buffer[position] != (byte)'$')
        {
            fault = $"expected '$', got {Show(buffer[position])}";
            return RespFrame.Fault;
        }

        position++;
        var frame = ReadLength(buffer, ref position, out var length);
        if (frame == RespFrame.Incomplete)
            return frame;
        if (frame == RespFrame.Fault || length < 0)
        {
            fault = "invalid bulk length";
            return RespFrame.Fault;
        }

        if (length > maxBytes - position)
        {
            fault = TooLarge(position + length, maxBytes);
            return RespFrame.Fault;
        }

        var end = position + (int)length;
        if (end + 2 > buffer.Length)
            return RespFrame.Incomplete;
        if (buffer[end] != (byte)'\r' || buffer[end + 1] != (byte)'\n')
        {
            fault = $"a bulk string of {length} bytes must end with CR LF";
            return RespFrame.Fault;
        }

        argument = new RespArgument(position, (int)length);
        position = end + 2;
        return RespFrame.Command;
    }

    // Command here means: the number is whole and position stands behind its CR LF.
    private static RespFrame ReadLength(ReadOnlySpan<byte> buffer, ref int position, out long value)
    {
        value = 0;
        var at = position;
        var negative = at < buffer.Length && buffer[at] == (byte)'-';
        if (negative)
            at++;
        var first = at;
        for (; at < buffer.Length; at++)
        {
            var digit = (uint)(buffer[at] - '0');
            if (digit > 9)
                break;
            if (at - first >= MaxNumberDigits)
                return RespFrame.Fault;
            value = (value * 10) + digit;
        }

        if (at == buffer.Length)
            return RespFrame.Incomplete;
        if (at == first || buffer[at] != (byte)'\r')
            return RespFrame.Fault;
        if (at + 1 == buffer.Length)
            return RespFrame.Incomplete;
        if (buffer[at + 1] != (byte)'\n')
            return RespFrame.Fault;
        if (negative)
            value = -value;
        position = at + 2;
        return RespFrame.Command;
    }

    private static RespFrame ReadInline(
        ReadOnlySpan<byte> buffer, Span<RespArgument> arguments, out int count, out int consumed, out string? fault)
    {
        count = 0;
        consumed = 0;
        fault = null;
        var end = buffer.IndexOf((byte)'\n');
        if (end < 0)
            return RespFrame.Incomplete;
        var line = buffer[..end];
        for (var at = 0; at < line.Length;)
        {
            if (line[at] is (byte)' ' or (byte)'\t' or (byte)'\r')
            {
                at++;
                continue;
            }

            if (line[at] is (byte)'"' or (byte)'\'')
                fault = "quotes have no meaning in inline commands; send an array of bulk strings";
            if (count == MaxArguments)
                fault = $"too many words in an inline command, at most {MaxArguments}";
            if (fault is not null)
                return RespFrame.Fault;
            var length = line[at..].IndexOfAny((byte)' ', (byte)'\t', (byte)'\r');
            if (length < 0)
                length = line.Length - at;
            arguments[count++] = new RespArgument(at, length);
            at += length;
        }

        consumed = end + 1;
        return RespFrame.Command;
    }

    private static string TooLarge(long bytes, int maxBytes) =>
        $"a request of {bytes} bytes or more is over the limit of {maxBytes}";

    private static string Show(byte value) => value is > 32 and < 127 ? $"'{(char)value}'" : $"byte {value}";
}

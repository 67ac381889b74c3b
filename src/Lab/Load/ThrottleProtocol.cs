using System.Buffers.Text;
using System.Text;

namespace Tenfold.Lab.Load;

/// <summary>
/// <c>CL.THROTTLE key burst count period</c> over the Redis protocol (RESP2), pipelined. The answer is five integers: limited,
/// limit, remaining, retry after, reset after (as redis-cell defined them).
/// </summary>
internal sealed class ThrottleProtocol : WireProtocol
{
    private readonly byte[] _tail;
    private readonly string _prefix;

    /// <param name="prefix">Each key is this and its number.</param>
    /// <param name="maxBurst">Tokens beyond the first: the bucket holds one more.</param>
    /// <param name="count">Tokens a period.</param>
    /// <param name="periodSeconds">The period.</param>
    /// <param name="depth">The pipeline's depth.</param>
    public ThrottleProtocol(string prefix, long maxBurst, long count, long periodSeconds, int depth)
    {
        _prefix = prefix;
        Depth = depth;
        _tail = Encoding.ASCII.GetBytes(Bulk(maxBurst.ToString()) + Bulk(count.ToString()) + Bulk(periodSeconds.ToString()));
        MaxRequestBytes = 64 + prefix.Length + _tail.Length;
    }

    public override int Depth { get; }

    public override int MaxRequestBytes { get; }

    public override int Write(int key, Span<byte> destination)
    {
        var head = "*5\r\n$11\r\nCL.THROTTLE\r\n$"u8;
        head.CopyTo(destination);
        var at = head.Length;
        Span<byte> digits = stackalloc byte[11];
        Utf8Formatter.TryFormat(key, digits, out var digitCount);
        Utf8Formatter.TryFormat(_prefix.Length + digitCount, destination[at..], out var written);
        at += written;
        "\r\n"u8.CopyTo(destination[at..]);
        at += 2;
        at += Encoding.ASCII.GetBytes(_prefix, destination[at..]);
        digits[..digitCount].CopyTo(destination[at..]);
        at += digitCount;
        "\r\n"u8.CopyTo(destination[at..]);
        at += 2;
        _tail.CopyTo(destination[at..]);
        return at + _tail.Length;
    }

    public override bool TryRead(ReadOnlySpan<byte> source, out int consumed, out Answer answer)
    {
        consumed = 0;
        answer = default;
        if (!Line(source, ref consumed, out var first))
            return false;
        if (first[0] == (byte)'-')
        {
            answer = new Answer(Ending.Failed, 500, null);
            return true;
        }

        if (!first.SequenceEqual("*5"u8))
            throw new FormatException($"'{Encoding.ASCII.GetString(first)}' is no answer to CL.THROTTLE: it must be an array of five.");
        Span<long> values = stackalloc long[5];
        for (var i = 0; i < values.Length; i++)
        {
            if (!Line(source, ref consumed, out var line))
                return false;
            if (line[0] != (byte)':' || !Utf8Parser.TryParse(line[1..], out values[i], out _))
                throw new FormatException($"'{Encoding.ASCII.GetString(line)}' is no integer of the Redis protocol.");
        }

        answer = values[0] == 0
            ? new Answer(Ending.Admitted, 0, null)
            : new Answer(Ending.Rejected, 1, values[3] >= 0 ? values[3] : null);
        return true;
    }

    private static bool Line(ReadOnlySpan<byte> source, ref int at, out ReadOnlySpan<byte> line)
    {
        line = default;
        var end = source[at..].IndexOf("\r\n"u8);
        if (end < 0)
            return false;
        if (end == 0)
            throw new FormatException("An empty line is no answer of the Redis protocol.");
        line = source.Slice(at, end);
        at += end + 2;
        return true;
    }

    private static string Bulk(string text) => $"${text.Length}\r\n{text}\r\n";
}

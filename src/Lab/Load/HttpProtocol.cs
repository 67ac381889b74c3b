using System.Buffers.Text;
using System.Text;

namespace Tenfold.Lab.Load;

/// <summary>
/// HTTP/1.1 with keep-alive (RFC 9112), one request in flight a connection. Hand-written because a general client would take
/// more of the two processors than the server under test.
/// </summary>
internal sealed class HttpProtocol : WireProtocol
{
    private readonly byte[][] _requests;

    /// <param name="host">The Host header.</param>
    /// <param name="targets">The request target of each key.</param>
    public HttpProtocol(string host, IReadOnlyList<string> targets)
    {
        _requests = [.. targets.Select(target => Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n"))];
        MaxRequestBytes = _requests.Max(request => request.Length);
    }

    public override int Depth => 1;

    public override int MaxRequestBytes { get; }

    public override int Write(int key, Span<byte> destination)
    {
        _requests[key].CopyTo(destination);
        return _requests[key].Length;
    }

    public override bool TryRead(ReadOnlySpan<byte> source, out int consumed, out Answer answer)
    {
        consumed = 0;
        answer = default;
        var headEnd = source.IndexOf("\r\n\r\n"u8);
        if (headEnd < 0)
            return false;
        var head = source[..(headEnd + 2)];
        if (head.Length < 12 || !head.StartsWith("HTTP/1.1 "u8) || !Utf8Parser.TryParse(head.Slice(9, 3), out int status, out var digits) || digits != 3)
            throw new FormatException($"'{Encoding.ASCII.GetString(head[..Math.Min(head.Length, 60)])}' is no HTTP/1.1 status line.");
        var body = source[(headEnd + 4)..];
        if (!TryMeasureBody(head, body, status, out var bodyLength))
            return false;
        consumed = headEnd + 4 + bodyLength;
        var ending = status switch { >= 200 and < 300 => Ending.Admitted, 429 => Ending.Rejected, _ => Ending.Failed };
        long? retryAfter = Header(head, "retry-after"u8, out var value) && Utf8Parser.TryParse(value, out long seconds, out _) ? seconds : null;
        answer = new Answer(ending, status, retryAfter, Header(head, "connection"u8, out var connection) && connection.SequenceEqual("close"u8));
        return true;
    }

    private static bool TryMeasureBody(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, int status, out int length)
    {
        length = 0;
        if (status is 204 or 304)
            return true;
        if (Header(head, "transfer-encoding"u8, out var coding) && coding.IndexOf("chunked"u8) >= 0)
            return TryMeasureChunks(body, out length);
        if (!Header(head, "content-length"u8, out var text))
            return true;
        if (!Utf8Parser.TryParse(text, out length, out _) || length < 0)
            throw new FormatException($"'{Encoding.ASCII.GetString(text)}' is no content length.");
        return body.Length >= length;
    }

    private static bool TryMeasureChunks(ReadOnlySpan<byte> body, out int length)
    {
        length = 0;
        while (true)
        {
            var lineEnd = body[length..].IndexOf("\r\n"u8);
            if (lineEnd < 0)
                return false;
            if (!Utf8Parser.TryParse(body.Slice(length, lineEnd), out int size, out _, 'X') || size < 0)
                throw new FormatException("A chunk's size is no hexadecimal number.");
            var next = length + lineEnd + 2 + size + 2;
            if (body.Length < next)
                return false;
            length = next;
            if (size == 0)
                return true;
        }
    }

    /// <summary>Finds a header by its lower-case name.</summary>
    private static bool Header(ReadOnlySpan<byte> head, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        var rest = head[(head.IndexOf("\r\n"u8) + 2)..];
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf("\r\n"u8);
            if (end < 0)
                return false;
            var line = rest[..end];
            rest = rest[(end + 2)..];
            if (line.Length > name.Length && line[name.Length] == (byte)':' && Ascii.EqualsIgnoreCase(line[..name.Length], name))
            {
                value = line[(name.Length + 1)..].Trim((byte)' ');
                return true;
            }
        }

        return false;
    }
}

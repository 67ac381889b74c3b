using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Gathers a connection's replies into one buffer, so that a whole pipeline is answered with one send.</summary>
/// <remarks>Not thread-safe: one connection's. The buffer is pooled and goes back on <see cref="Clear"/>.</remarks>
internal sealed class RespWriter
{
    private const int InitialBytes = 4096;
    private const int MaxErrorBytes = 512;

    // "*5\r\n" and five integers of at most 20 characters, each with its mark and CR LF.
    private const int ThrottleBytes = 4 + (5 * 23);

    private byte[] _buffer = [];
    private int _length;
    private int _admitted;
    private int _limited;
    private int _unavailable;

    /// <summary>Bytes gathered.</summary>
    public int Length => _length;

    /// <summary>What was gathered.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    /// <summary>Whether the client speaks RESP3, which has maps and a null of its own.</summary>
    public bool IsVersion3 { get; set; }

    /// <summary>The throttle replies written since the last call.</summary>
    public (int Admitted, int Limited, int Unavailable) TakeCounts()
    {
        var counts = (_admitted, _limited, _unavailable);
        (_admitted, _limited, _unavailable) = (0, 0, 0);
        return counts;
    }

    /// <summary>Forgets what was gathered and gives the buffer back.</summary>
    public void Clear()
    {
        _length = 0;
        if (_buffer.Length == 0)
            return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Forgets what was gathered and keeps the buffer for the next batch, unless it grew large.</summary>
    public void Reset()
    {
        if (_buffer.Length > 4 * InitialBytes)
            Clear();
        _length = 0;
    }

    /// <summary>The five integers of <c>CL.THROTTLE</c>.</summary>
    public void Throttle(bool limited, long limit, long remaining, long retryAfterSeconds, long resetAfterSeconds)
    {
        var span = Reserve(ThrottleBytes);
        "*5\r\n"u8.CopyTo(span);
        span[4] = (byte)':';
        span[5] = limited ? (byte)'1' : (byte)'0';
        span[6] = (byte)'\r';
        span[7] = (byte)'\n';
        var at = 8;
        at += WriteInteger(span[at..], limit);
        at += WriteInteger(span[at..], remaining);
        at += WriteInteger(span[at..], retryAfterSeconds);
        at += WriteInteger(span[at..], resetAfterSeconds);
        _length += at;
        if (limited)
            _limited++;
        else
            _admitted++;
    }

    /// <summary>The answer of a limiter whose engine cannot be asked.</summary>
    public void Unavailable(string fault)
    {
        Error("UNAVAILABLE " + fault);
        _unavailable++;
    }

    /// <summary>A whole number.</summary>
    public void Integer(long value) => _length += WriteInteger(Reserve(23), value);

    /// <summary>A short text without line breaks, such as <c>OK</c>.</summary>
    public void Simple(ReadOnlySpan<byte> text)
    {
        var span = Reserve(text.Length + 3);
        span[0] = (byte)'+';
        text.CopyTo(span[1..]);
        "\r\n"u8.CopyTo(span[(text.Length + 1)..]);
        _length += text.Length + 3;
    }

    /// <summary>A string of any bytes.</summary>
    public void Bulk(ReadOnlySpan<byte> value)
    {
        Header((byte)'$', value.Length);
        var span = Reserve(value.Length + 2);
        value.CopyTo(span);
        "\r\n"u8.CopyTo(span[value.Length..]);
        _length += value.Length + 2;
    }

    /// <summary>A string, as UTF-8.</summary>
    public void Bulk(string value)
    {
        var bytes = Encoding.UTF8.GetByteCount(value);
        Header((byte)'$', bytes);
        var span = Reserve(bytes + 2);
        Encoding.UTF8.GetBytes(value, span);
        "\r\n"u8.CopyTo(span[bytes..]);
        _length += bytes + 2;
    }

    /// <summary>No value.</summary>
    public void Null()
    {
        var text = IsVersion3 ? "_\r\n"u8 : "$-1\r\n"u8;
        text.CopyTo(Reserve(text.Length));
        _length += text.Length;
    }

    /// <summary>Starts an array of <paramref name="count"/> replies.</summary>
    public void Array(int count) => Header((byte)'*', count);

    /// <summary>Starts a map of <paramref name="pairs"/> pairs; an array of twice as many in RESP2.</summary>
    public void Map(int pairs)
    {
        if (IsVersion3)
            Header((byte)'%', pairs);
        else
            Header((byte)'*', pairs * 2);
    }

    /// <summary>An error. Its text is cut at 512 bytes, and what is not printable in it becomes '?': clients' words come back in it.</summary>
    public void Error(string text)
    {
        var length = Math.Min(text.Length, MaxErrorBytes);
        var span = Reserve(length + 3);
        span[0] = (byte)'-';
        for (var i = 0; i < length; i++)
            span[i + 1] = text[i] is >= ' ' and < (char)127 ? (byte)text[i] : (byte)'?';
        "\r\n"u8.CopyTo(span[(length + 1)..]);
        _length += length + 3;
    }

    private void Header(byte mark, long count)
    {
        var span = Reserve(23);
        var written = WriteInteger(span, count);
        span[0] = mark;
        _length += written;
    }

    private static int WriteInteger(Span<byte> span, long value)
    {
        span[0] = (byte)':';
        int digits;
        if ((ulong)value < 10)
        {
            span[1] = (byte)('0' + value);
            digits = 1;
        }
        else
        {
            Utf8Formatter.TryFormat(value, span[1..], out digits);
        }

        span[digits + 1] = (byte)'\r';
        span[digits + 2] = (byte)'\n';
        return digits + 3;
    }

    private Span<byte> Reserve(int bytes)
    {
        if (_buffer.Length - _length < bytes)
            Grow(bytes);
        return _buffer.AsSpan(_length);
    }

    private void Grow(int bytes)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(InitialBytes, Math.Max(_buffer.Length * 2, _length + bytes)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}

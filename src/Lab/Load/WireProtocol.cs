namespace Tenfold.Lab.Load;

/// <summary>Writes requests and reads answers of one protocol, in bytes, without I/O.</summary>
internal abstract class WireProtocol
{
    /// <summary>The most requests in flight on one connection; over 1 means pipelining.</summary>
    public abstract int Depth { get; }

    /// <summary>The longest request in bytes.</summary>
    public abstract int MaxRequestBytes { get; }

    /// <summary>Writes the request for a key and returns its length.</summary>
    public abstract int Write(int key, Span<byte> destination);

    /// <summary>Reads one answer; false when more bytes are needed.</summary>
    /// <exception cref="FormatException">The bytes are no answer of this protocol.</exception>
    public abstract bool TryRead(ReadOnlySpan<byte> source, out int consumed, out Answer answer);
}

/// <summary>An answer as the protocol has it.</summary>
/// <param name="Ending">Admitted, rejected or failed.</param>
/// <param name="Status">The protocol's status.</param>
/// <param name="RetryAfter">Seconds to wait, where told.</param>
/// <param name="ClosesConnection">The server ends the connection after this answer.</param>
internal readonly record struct Answer(Ending Ending, int Status, long? RetryAfter, bool ClosesConnection = false);

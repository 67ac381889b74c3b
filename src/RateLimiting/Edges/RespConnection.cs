using System.Buffers;
using System.Net.Sockets;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Moves one client's bytes: reads what has arrived, lets the session answer all of it, sends the answers at once.</summary>
/// <remarks>
/// Owns the socket. Memory is bounded by one command's greatest length and one send's replies: a client that sends without reading
/// is not read from until it takes its replies.
/// </remarks>
internal sealed class RespConnection(Socket socket, RespSession session, int maxRequestBytes)
{
    private const int InitialBytes = 4096;
    private const int KeptBytes = 4 * InitialBytes;

    private byte[] _input = [];
    private int _filled;

    /// <summary>Serves the client until it leaves, breaks the protocol, or <see cref="Abort"/>.</summary>
    public async Task RunAsync()
    {
        try
        {
            _input = ArrayPool<byte>.Shared.Rent(InitialBytes);
            while (!session.Closing)
            {
                var received = await socket.ReceiveAsync(_input.AsMemory(_filled), SocketFlags.None);
                if (received == 0)
                    return;
                _filled += received;
                await AnswerAsync();
                FitInput();
            }

            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            // The client went away, or the listener stops: nobody is left to tell.
        }
        finally
        {
            socket.Dispose();
            session.Output.Clear();
            ArrayPool<byte>.Shared.Return(_input);
        }
    }

    /// <summary>Ends the connection from outside.</summary>
    public void Abort() => socket.Dispose();

    private async ValueTask AnswerAsync()
    {
        var consumed = 0;
        RespStep step;
        do
        {
            step = session.Process(_input.AsSpan(consumed, _filled - consumed), out var taken);
            consumed += taken;
            if (step == RespStep.Drain)
                await session.DrainAsync();
            else if (session.Output.Length > 0)
                await SendAsync();
        }
        while (step is RespStep.Drain or RespStep.Flush);

        _filled -= consumed;
        if (_filled > 0 && consumed > 0)
            _input.AsSpan(consumed, _filled).CopyTo(_input);
    }

    private async ValueTask SendAsync()
    {
        session.Count();
        var rest = session.Output.Written;
        while (!rest.IsEmpty)
            rest = rest[await socket.SendAsync(rest, SocketFlags.None)..];
        session.Output.Reset();
    }

    // Grows for a long pipeline or a long command, shrinks when that has passed.
    private void FitInput()
    {
        var wanted = _filled == _input.Length ? Math.Min(_input.Length * 2, Math.Max(maxRequestBytes, _input.Length + 1))
            : _filled == 0 && _input.Length > KeptBytes ? InitialBytes
            : _input.Length;
        if (wanted == _input.Length)
            return;
        var other = ArrayPool<byte>.Shared.Rent(wanted);
        _input.AsSpan(0, _filled).CopyTo(other);
        ArrayPool<byte>.Shared.Return(_input);
        _input = other;
    }
}

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Tenfold.Lab.Load;

/// <summary>One client connection of the driver: never blocks, reconnects by itself, knows what is in flight.</summary>
internal sealed class LoadConnection : IDisposable
{
    private const int ReceiveBytes = 64 * 1024;
    private const long FirstRetry = 10_000_000;
    private const long LongestRetry = 160_000_000;

    private readonly IPEndPoint _target;
    private readonly WireProtocol _protocol;
    private readonly byte[] _sending;
    private readonly Queue<InFlight> _inFlight;
    private byte[] _received = new byte[ReceiveBytes];
    private int _receivedCount;
    private int _sendStart;
    private int _sendEnd;
    private Task? _connecting;
    private long _retryAt;
    private long _retryDelay = FirstRetry;

    public LoadConnection(IPEndPoint target, WireProtocol protocol)
    {
        _target = target;
        _protocol = protocol;
        _sending = new byte[protocol.Depth * protocol.MaxRequestBytes];
        _inFlight = new Queue<InFlight>(protocol.Depth);
    }

    public Socket? Socket { get; private set; }

    public bool IsOpen { get; private set; }

    public bool WantsToWrite => _sendEnd > _sendStart;

    public int InFlightCount => _inFlight.Count;

    public long OldestSent => _inFlight.TryPeek(out var oldest) ? oldest.Sent : long.MaxValue;

    /// <summary>How many more requests may be queued now.</summary>
    public int Room => IsOpen && _sendStart == _sendEnd ? _protocol.Depth - _inFlight.Count : 0;

    /// <summary>Starts or finishes connecting.</summary>
    public void Tend(long now)
    {
        if (IsOpen)
            return;
        if (_connecting is null)
        {
            if (now < _retryAt)
                return;
            Socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
            _connecting = Socket.ConnectAsync(_target);
        }

        if (!_connecting.IsCompleted)
            return;
        if (_connecting.IsCompletedSuccessfully)
        {
            _connecting = null;
            Socket!.Blocking = false;
            IsOpen = true;
            _retryDelay = FirstRetry;
            return;
        }

        _ = _connecting.Exception;
        Close(now);
    }

    public void Queue(int key, long intended, long now)
    {
        if (_sendStart == _sendEnd)
            _sendStart = _sendEnd = 0;
        _sendEnd += _protocol.Write(key, _sending.AsSpan(_sendEnd));
        _inFlight.Enqueue(new InFlight(key, intended, now));
    }

    /// <summary>Hands over what is queued; false when the connection broke.</summary>
    public bool Flush()
    {
        while (_sendEnd > _sendStart)
        {
            var sent = Socket!.Send(_sending.AsSpan(_sendStart, _sendEnd - _sendStart), SocketFlags.None, out var fault);
            if (fault == SocketError.WouldBlock)
                return true;
            if (fault != SocketError.Success)
                return false;
            _sendStart += sent;
        }

        return true;
    }

    /// <summary>Reads what is there; false when the connection broke or the server ended it.</summary>
    public bool Receive()
    {
        if (_receivedCount == _received.Length)
            Array.Resize(ref _received, checked(_received.Length * 2));
        var count = Socket!.Receive(_received.AsSpan(_receivedCount), SocketFlags.None, out var fault);
        if (fault == SocketError.WouldBlock)
            return true;
        if (fault != SocketError.Success || count == 0)
            return false;
        _receivedCount += count;
        return true;
    }

    /// <summary>Takes the next whole answer out of what was read.</summary>
    public bool TryTake(ref int start, out InFlight request, out Answer answer)
    {
        request = default;
        if (!_protocol.TryRead(_received.AsSpan(start, _receivedCount - start), out var consumed, out answer))
            return false;
        if (!_inFlight.TryDequeue(out request))
            throw new FormatException("The server answered more often than it was asked.");
        start += consumed;
        return true;
    }

    /// <summary>Forgets the bytes before <paramref name="start"/>.</summary>
    public void Compact(int start)
    {
        if (start == 0)
            return;
        _received.AsSpan(start, _receivedCount - start).CopyTo(_received);
        _receivedCount -= start;
    }

    public bool TryDropOldest(out InFlight request) => _inFlight.TryDequeue(out request);

    /// <summary>Ends the connection; it is tried again after a while that doubles.</summary>
    public void Close(long now)
    {
        Socket?.Dispose();
        Socket = null;
        _connecting = null;
        IsOpen = false;
        _receivedCount = _sendStart = _sendEnd = 0;
        _retryAt = now + _retryDelay;
        _retryDelay = Math.Min(_retryDelay * 2, LongestRetry);
    }

    public void Dispose() => Socket?.Dispose();
}

[StructLayout(LayoutKind.Auto)]
internal readonly record struct InFlight(int Key, long Intended, long Sent);

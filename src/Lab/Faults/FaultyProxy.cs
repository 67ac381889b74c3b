using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Tenfold.Lab.Faults;

/// <summary>
/// A loopback TCP proxy that misbehaves on demand: it delays, stops forwarding (a lost route: nothing comes, nothing is refused), or
/// cuts connections and refuses new ones (a dead process). Bytes are never changed nor reordered.
/// </summary>
/// <remarks>Thread-safe. Bounded: at most 256 chunks of 16 KiB wait a direction; then the sender feels it through TCP.</remarks>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private const int ChunkBytes = 16 * 1024;
    private const int MaxChunks = 256;

    private readonly TimeProvider _time;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Link, Task> _links = new();
    private readonly Lock _gate = new();
    private readonly Task _accepting;
    private TaskCompletionSource _flowing = Completed();
    private long _delayTicks;
    private volatile bool _refusing;

    public FaultyProxy(IPEndPoint upstream, TimeProvider time)
    {
        Upstream = upstream;
        _time = time;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Where new connections are forwarded; a restarted process may be somewhere else.</summary>
    public IPEndPoint Upstream { get; set; }

    /// <summary>Connections that are open through the proxy.</summary>
    public int OpenLinks => _links.Count;

    /// <summary>Holds each chunk this long in each direction; zero ends it.</summary>
    public void Delay(TimeSpan oneWay) => Interlocked.Exchange(ref _delayTicks, oneWay.Ticks);

    /// <summary>Stops forwarding; connections stay open and silent.</summary>
    public void Drop()
    {
        lock (_gate)
        {
            if (_flowing.Task.IsCompleted)
                _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Resets every connection, and each new one at once.</summary>
    public void Cut()
    {
        _refusing = true;
        foreach (var link in _links.Keys)
            link.Reset();
    }

    /// <summary>Ends every fault. Bytes that were held back flow on.</summary>
    public void Restore()
    {
        _refusing = false;
        Delay(TimeSpan.Zero);
        lock (_gate)
            _flowing.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        Cut();
        await _accepting;
        await Task.WhenAll(_links.Values);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_stop.Token);
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            var link = new Link(client);
            if (_refusing)
            {
                link.Reset();
                continue;
            }

            _links[link] = Task.CompletedTask;
            _links[link] = RunAsync(link);
        }
    }

    private async Task RunAsync(Link link)
    {
        // Leaves AcceptAsync first, so that the table holds the link before it can be taken out.
        await Task.Yield();
        try
        {
            await link.Server.ConnectAsync(Upstream, _stop.Token);
            await Task.WhenAny(PumpAsync(link.Client, link.Server), PumpAsync(link.Server, link.Client));
        }
        catch (Exception fault) when (IsEnd(fault))
        {
        }
        finally
        {
            link.Reset();
            _links.TryRemove(link, out _);
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var held = Channel.CreateBounded<(byte[] Bytes, long Due)>(MaxChunks);
        await Task.WhenAny(ReadAsync(from, held.Writer), WriteAsync(held.Reader, to));
    }

    private async Task ReadAsync(Socket from, ChannelWriter<(byte[] Bytes, long Due)> held)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
                await held.WriteAsync((buffer[..count], _time.GetTimestamp() + DelayTimestamps()), _stop.Token);
        }
        catch (Exception fault) when (IsEnd(fault))
        {
        }
    }

    private async Task WriteAsync(ChannelReader<(byte[] Bytes, long Due)> held, Socket to)
    {
        try
        {
            await foreach (var (bytes, due) in held.ReadAllAsync(_stop.Token))
            {
                if (due - _time.GetTimestamp() is var wait and > 0)
                    await Task.Delay(TimeSpan.FromSeconds((double)wait / _time.TimestampFrequency), _time, _stop.Token);
                await Flowing().WaitAsync(_stop.Token);
                for (var sent = 0; sent < bytes.Length;)
                    sent += await to.SendAsync(bytes.AsMemory(sent), _stop.Token);
            }
        }
        catch (Exception fault) when (IsEnd(fault))
        {
        }
    }

    private long DelayTimestamps() =>
        (long)(TimeSpan.FromTicks(Interlocked.Read(ref _delayTicks)).TotalSeconds * _time.TimestampFrequency);

    private Task Flowing()
    {
        lock (_gate)
            return _flowing.Task;
    }

    private static TaskCompletionSource Completed()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }

    private static bool IsEnd(Exception fault) => fault is OperationCanceledException or SocketException or ObjectDisposedException;

    private sealed class Link(Socket client)
    {
        public Socket Client => client;

        public Socket Server { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

        /// <summary>Linger zero: both ends see a reset, as when a process dies.</summary>
        public void Reset()
        {
            try
            {
                client.NoDelay = true;
                client.LingerState = Server.LingerState = new LingerOption(true, 0);
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
            }

            client.Dispose();
            Server.Dispose();
        }
    }
}

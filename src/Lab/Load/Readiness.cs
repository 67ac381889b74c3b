using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Tenfold.Lab.Load;

/// <summary>
/// Waits until a socket can be read or a nanosecond deadline is reached. On Linux through <c>ppoll</c>, the one call that does
/// both precisely: a millisecond timer would make every latency half a millisecond too long. Elsewhere through
/// <see cref="Socket.Select(System.Collections.IList, System.Collections.IList, System.Collections.IList, int)"/>.
/// </summary>
internal sealed unsafe partial class Readiness
{
    private const short ReadEvent = 0x1;
    private const short WriteEvent = 0x4;
    private const int SetTimerSlack = 29;
    private static readonly bool HasPpoll = OperatingSystem.IsLinux();

    private readonly PollEntry[] _entries;
    private readonly Socket[] _sockets;
    private readonly int[] _owners;
    private int _count;

    public Readiness(int capacity)
    {
        _entries = new PollEntry[capacity];
        _sockets = new Socket[capacity];
        _owners = new int[capacity];
    }

    /// <summary>Lets this thread's waits end within microseconds of their deadline instead of Linux's usual 50.</summary>
    public static void SharpenThisThread()
    {
        if (HasPpoll)
            _ = SetProcessControl(SetTimerSlack, 1, 0, 0, 0);
    }

    public void Clear() => _count = 0;

    public void Add(Socket socket, int owner, bool forWriting)
    {
        _sockets[_count] = socket;
        _owners[_count] = owner;
        _entries[_count] = new PollEntry
        {
            Descriptor = (int)socket.Handle,
            Wanted = forWriting ? (short)(ReadEvent | WriteEvent) : ReadEvent,
        };
        _count++;
    }

    /// <summary>Waits, and writes the owners of the sockets that are ready; returns how many.</summary>
    public int Wait(long nanoseconds, Span<int> ready)
    {
        nanoseconds = Math.Clamp(nanoseconds, 0, LabClock.Second);
        return HasPpoll ? WaitPrecisely(nanoseconds, ready) : WaitRoughly(nanoseconds, ready);
    }

    private int WaitPrecisely(long nanoseconds, Span<int> ready)
    {
        var timeout = new TimeSpec { Seconds = (nint)(nanoseconds / LabClock.Second), Nanoseconds = (nint)(nanoseconds % LabClock.Second) };
        int result;
        fixed (PollEntry* entries = _entries)
            result = Poll(entries, (nuint)_count, &timeout, 0);
        var found = 0;
        for (var i = 0; result > 0 && i < _count; i++)
        {
            if (_entries[i].Seen != 0)
                ready[found++] = _owners[i];
        }

        return found;
    }

    private int WaitRoughly(long nanoseconds, Span<int> ready)
    {
        if (_count == 0)
        {
            Thread.SpinWait(100);
            return 0;
        }

        var readable = new List<Socket>(_sockets.AsSpan(0, _count).ToArray());
        // Select rounds up to milliseconds: near a deadline look without waiting.
        Socket.Select(readable, null, null, nanoseconds < 2_000_000 ? 0 : (int)(nanoseconds / 1000 - 1000));
        var found = 0;
        for (var i = 0; i < _count; i++)
        {
            if (readable.Contains(_sockets[i]))
                ready[found++] = _owners[i];
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int Poll(PollEntry* entries, nuint count, TimeSpec* timeout, nint signalMask);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetProcessControl(int option, nuint a, nuint b, nuint c, nuint d);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Wanted;
        public short Seen;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}

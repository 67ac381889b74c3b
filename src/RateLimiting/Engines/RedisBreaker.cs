namespace Tenfold.RateLimiting.Engines;

/// <summary>Stops asking a server that does not answer. Closed while it does; open after several failures in a row.</summary>
/// <remarks>Thread-safe. It closes only through <see cref="Close"/>, once a probe in the background succeeded: no caller pays for the trial.</remarks>
internal sealed class RedisBreaker(int failuresToOpen)
{
    private volatile bool _open;
    private int _failures;

    public bool IsOpen => _open;

    /// <summary>A call was answered.</summary>
    public void Succeeded()
    {
        if (Volatile.Read(ref _failures) != 0)
            Volatile.Write(ref _failures, 0);
    }

    /// <summary>A call failed; true when this opened the breaker.</summary>
    public bool Failed() => Interlocked.Increment(ref _failures) >= failuresToOpen && Open();

    /// <summary>The connection is gone; true when this opened the breaker.</summary>
    public bool Open()
    {
        if (_open)
            return false;
        lock (this)
        {
            if (_open)
                return false;
            _open = true;
            return true;
        }
    }

    /// <summary>The server answered a probe.</summary>
    public void Close()
    {
        Volatile.Write(ref _failures, 0);
        _open = false;
    }
}

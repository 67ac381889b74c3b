using System.Globalization;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Edges;

/// <summary>What the Redis-protocol face counts, for INFO and for metrics.</summary>
/// <remarks>Thread-safe. Commands are added once a batch, not once a command; the rate limiter's own figures (<paramref name="observer"/>) take them in too.</remarks>
internal sealed class RespStatistics(TimeProvider time, DecisionObserver? observer = null)
{
    /// <summary>The version of Redis whose protocol is spoken: clients choose what they send by it.</summary>
    public const string RedisVersion = "7.0.0";

    private readonly long _started = time.GetTimestamp();
    private long _connections;
    private long _connectionsAccepted;
    private long _connectionsRefused;
    private long _protocolFaults;
    private long _loginsRefused;
    private long _admitted;
    private long _limited;
    private long _unavailable;

    public long Connections => Interlocked.Read(ref _connections);

    public long ConnectionsAccepted => Interlocked.Read(ref _connectionsAccepted);

    public long ConnectionsRefused => Interlocked.Read(ref _connectionsRefused);

    public long ProtocolFaults => Interlocked.Read(ref _protocolFaults);

    public long LoginsRefused => Interlocked.Read(ref _loginsRefused);

    /// <summary><c>CL.THROTTLE</c> decisions that admitted.</summary>
    public long Admitted => Interlocked.Read(ref _admitted);

    /// <summary><c>CL.THROTTLE</c> decisions that limited.</summary>
    public long Limited => Interlocked.Read(ref _limited);

    /// <summary>Commands answered with UNAVAILABLE: the engine could not be asked.</summary>
    public long Unavailable => Interlocked.Read(ref _unavailable);

    public void Opened()
    {
        Interlocked.Increment(ref _connections);
        Interlocked.Increment(ref _connectionsAccepted);
    }

    public void Closed() => Interlocked.Decrement(ref _connections);

    public void Refused() => Interlocked.Increment(ref _connectionsRefused);

    public void ProtocolFault() => Interlocked.Increment(ref _protocolFaults);

    /// <summary>Adds a batch's <c>CL.THROTTLE</c> decisions, and the commands that the engine could not be asked for.</summary>
    public void Decided(int admitted, int limited, int unavailable)
    {
        if (admitted > 0)
            Interlocked.Add(ref _admitted, admitted);
        if (limited > 0)
            Interlocked.Add(ref _limited, limited);
        if (unavailable > 0)
            Interlocked.Add(ref _unavailable, unavailable);
        observer?.ObserveDirect(admitted, limited, unavailable);
    }

    public void LoginRefused() => Interlocked.Increment(ref _loginsRefused);

    /// <summary>The text of INFO: the fields of Redis that clients read, and our own.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"""
        # Server
        redis_version:{RedisVersion}
        redis_mode:standalone
        tenfold_version:{typeof(RespStatistics).Assembly.GetName().Version?.ToString(3)}
        process_id:{Environment.ProcessId}
        uptime_in_seconds:{(long)time.GetElapsedTime(_started).TotalSeconds}

        # Clients
        connected_clients:{Connections}

        # Persistence
        loading:0

        # Stats
        total_connections_received:{ConnectionsAccepted}
        rejected_connections:{ConnectionsRefused}
        throttle_admitted:{Admitted}
        throttle_limited:{Limited}
        unavailable:{Unavailable}
        protocol_errors:{ProtocolFaults}
        refused_logins:{LoginsRefused}

        # Replication
        role:master
        connected_slaves:0

        """).ReplaceLineEndings("\r\n");
}

using System.Runtime.InteropServices;

namespace Tenfold.Lab.Load;

/// <summary>How a request ended, seen from the client.</summary>
internal enum Ending
{
    Admitted,
    Rejected,

    /// <summary>The server answered with an error.</summary>
    Failed,

    /// <summary>No answer within the deadline.</summary>
    TimedOut,

    /// <summary>The connection broke after sending: whether it counted is not known.</summary>
    ConnectionLost,

    /// <summary>Never sent: no connection was free before the deadline, or too many were waiting.</summary>
    NotSent,
}

/// <summary>One request from intention to end, in nanoseconds of the run's clock.</summary>
/// <param name="Key">Which key it asked for.</param>
/// <param name="Intended">When the schedule wanted it sent: latency counts from here.</param>
/// <param name="Sent">Just before the bytes were handed to the socket: the decision cannot be earlier.</param>
/// <param name="Ended">Just after the answer was read: the decision cannot be later.</param>
/// <param name="Ending">How it ended.</param>
/// <param name="Status">The protocol's status, 0 where there is none.</param>
/// <param name="RetryAfter">Seconds that the answer asked to wait, or null.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Exchange(int Key, long Intended, long Sent, long Ended, Ending Ending, int Status = 0, long? RetryAfter = null);

/// <summary>What the load is: which key comes next, and who is told of each end. Called from the driver's thread only.</summary>
internal interface IWorkload
{
    int NextKey();

    void Observe(in Exchange exchange);
}

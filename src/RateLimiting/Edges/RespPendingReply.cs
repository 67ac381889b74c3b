namespace Tenfold.RateLimiting.Edges;

/// <summary>A command that was started and whose reply is still to come. Replies are written in the order of the commands.</summary>
internal abstract class RespPendingReply
{
    /// <summary>Waits for the decision and writes the reply. Asked once.</summary>
    public abstract ValueTask WriteAsync(RespWriter output);
}

/// <summary>An error that waits for its turn.</summary>
internal sealed class RespPendingError(string text) : RespPendingReply
{
    public override ValueTask WriteAsync(RespWriter output)
    {
        output.Error(text);
        return ValueTask.CompletedTask;
    }
}

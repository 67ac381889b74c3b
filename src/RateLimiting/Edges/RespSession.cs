using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Why a session stopped taking commands from its input.</summary>
internal enum RespStep
{
    /// <summary>What is left is no whole command: send the replies and read more.</summary>
    NeedInput,

    /// <summary>Decisions are under way: <see cref="RespSession.DrainAsync"/>, then go on with what is left.</summary>
    Drain,

    /// <summary>Enough replies are gathered: send them, then go on with what is left.</summary>
    Flush,

    /// <summary>Send the replies and close.</summary>
    Close,
}

/// <summary>One client's conversation: takes the commands of a batch in order and gathers their replies.</summary>
/// <remarks>
/// Not thread-safe: one connection's. Commands that decide at once are answered in the same pass; those that wait for an engine
/// are started together, up to <see cref="MaxPending"/>, and answered in order.
/// </remarks>
internal sealed class RespSession(RespCommands commands, long id, string remoteAddress)
{
    /// <summary>The most decisions under way for one connection.</summary>
    public const int MaxPending = 128;

    /// <summary>Replies are sent when they reach this many bytes, however long the pipeline is.</summary>
    public const int FlushBytes = 64 * 1024;

    private readonly Queue<RespPendingReply> _pending = new();

    /// <summary>Names the connection, counting from 1.</summary>
    public long Id { get; } = id;

    /// <summary>Where the client is.</summary>
    public string RemoteAddress { get; } = remoteAddress;

    /// <summary>What the client calls itself, or empty.</summary>
    public string Name { get; set; } = "";

    /// <summary>Whether the client may give commands.</summary>
    public bool Authenticated { get; set; } = !commands.RequiresAuthentication;

    /// <summary>Set by QUIT.</summary>
    public bool Closing { get; set; }

    /// <summary>The replies.</summary>
    public RespWriter Output { get; } = new();

    /// <summary>Adds the batch's decisions to the listener's counts. Before the replies leave, so that whoever has one can see it counted.</summary>
    public void Count() => commands.CountReplies(Output);

    /// <summary>Takes commands until none is whole, decisions must be waited for, or the replies fill a send.</summary>
    [System.Runtime.CompilerServices.SkipLocalsInit]
    public RespStep Process(ReadOnlySpan<byte> input, out int consumed)
    {
        Span<RespArgument> arguments = stackalloc RespArgument[RespParser.MaxArguments];
        consumed = 0;
        while (true)
        {
            if (Output.Length >= FlushBytes)
                return _pending.Count > 0 ? RespStep.Drain : RespStep.Flush;
            var rest = input[consumed..];
            var frame = RespParser.Read(rest, arguments, commands.MaxRequestBytes, out var count, out var taken, out var fault);
            if (frame == RespFrame.Incomplete)
                return _pending.Count > 0 ? RespStep.Drain : RespStep.NeedInput;
            if (frame == RespFrame.Fault)
                return Refuse(fault);
            if (count > 0 && !Execute(rest, arguments[..count]))
                return RespStep.Drain;
            consumed += taken;
            if (Closing)
                return RespStep.Close;
        }
    }

    /// <summary>Waits for the decisions under way and writes their replies.</summary>
    public async ValueTask DrainAsync()
    {
        while (_pending.TryDequeue(out var pending))
            await pending.WriteAsync(Output);
    }

    // False when the command must wait until those under way are answered; it is then taken again.
    private bool Execute(ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments)
    {
        var name = arguments[0].In(input);
        if (Authenticated && Ascii.EqualsIgnoreCase(name, "CL.THROTTLE"u8))
        {
            if (_pending.Count >= MaxPending)
                return false;
            if (commands.Throttle.Execute(input, arguments, Output, _pending.Count > 0) is { } pending)
                _pending.Enqueue(pending);
            return true;
        }

        if (_pending.Count > 0)
            return false;
        if (commands.Execute(this, input, arguments) is { } decision)
            _pending.Enqueue(decision);
        return true;
    }

    private RespStep Refuse(string? fault)
    {
        if (_pending.Count > 0)
            return RespStep.Drain;
        commands.CountFault();
        Output.Error("ERR Protocol error: " + fault);
        Closing = true;
        return RespStep.Close;
    }
}

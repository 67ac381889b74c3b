using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The commands that the Redis-protocol face knows, and what all connections share.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class RespCommands(RespThrottle throttle, RespDecisions? decisions, RespOptions options, RespStatistics statistics)
{
    private readonly RespCredentials _credentials = new(options);

    /// <summary>The command that speed is for.</summary>
    public RespThrottle Throttle { get; } = throttle;

    /// <summary>The most bytes of one command.</summary>
    public int MaxRequestBytes { get; } = options.MaxRequestBytes;

    /// <summary>Whether a connection must log in first.</summary>
    public bool RequiresAuthentication => _credentials.Required;

    /// <summary>Counts a batch's throttle replies, and the answers of any command that the engine could not be asked for.</summary>
    public void CountReplies(RespWriter output)
    {
        var (admitted, limited, unavailable) = output.TakeCounts();
        statistics.Decided(admitted, limited, unavailable);
    }

    /// <summary>Counts a connection whose framing was lost.</summary>
    public void CountFault() => statistics.ProtocolFault();

    /// <summary>Answers a command, or starts one whose reply comes later.</summary>
    public RespPendingReply? Execute(RespSession session, ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments)
    {
        var output = session.Output;
        Span<char> upper = stackalloc char[24];
        if (Ascii.ToUpper(arguments[0].In(input), upper, out var length) != System.Buffers.OperationStatus.Done)
            length = 0;
        ReadOnlySpan<char> name = upper[..length];
        if (!session.Authenticated && name is not ("AUTH" or "HELLO" or "QUIT" or "RESET"))
        {
            output.Error("NOAUTH Authentication required.");
            return null;
        }

        switch (name)
        {
            case "TENFOLD.ACQUIRE" when decisions is not null:
                return decisions.Acquire(input, arguments, output);
            case "TENFOLD.RESERVE" when decisions is not null:
                return decisions.Reserve(input, arguments, output);
            case "TENFOLD.SETTLE" when decisions is not null:
                return decisions.Settle(input, arguments, output);
            case "PING" when arguments.Length <= 2:
                if (arguments.Length == 2)
                    output.Bulk(arguments[1].In(input));
                else
                    output.Simple("PONG"u8);
                break;
            case "ECHO" when arguments.Length == 2:
                output.Bulk(arguments[1].In(input));
                break;
            case "QUIT":
                output.Simple("OK"u8);
                session.Closing = true;
                break;
            case "RESET":
                session.Name = "";
                session.Authenticated = !RequiresAuthentication;
                output.IsVersion3 = false;
                output.Simple("RESET"u8);
                break;
            case "SELECT" when arguments.Length == 2:
                Select(output, arguments[1].In(input));
                break;
            case "AUTH" when arguments.Length is 2 or 3:
                Authenticate(session, input, arguments);
                break;
            case "HELLO":
                Hello(session, input, arguments);
                break;
            case "CLIENT" when arguments.Length >= 2:
                RespClientCommand.Execute(session, input, arguments);
                break;
            case "INFO":
                output.Bulk(statistics.Describe());
                break;
            case "COMMAND":
                Describe(output, arguments.Length > 1 ? arguments[1].In(input) : default, arguments.Length);
                break;
            case "CONFIG" when arguments.Length >= 3 && Ascii.EqualsIgnoreCase(arguments[1].In(input), "GET"u8):
                RespConfigCommand.Get(output, input, arguments[2..]);
                break;
            case "PING" or "ECHO" or "SELECT" or "AUTH" or "CLIENT" or "CONFIG":
                output.Error($"ERR wrong number of arguments for '{name.ToString().ToLowerInvariant()}' command, or no such subcommand");
                break;
            default:
                var given = arguments[0].In(input);
                output.Error($"ERR unknown command '{Encoding.Latin1.GetString(given[..Math.Min(given.Length, 128)])}'; " +
                    "this is a rate limiter: CL.THROTTLE, TENFOLD.ACQUIRE, TENFOLD.RESERVE, TENFOLD.SETTLE");
                break;
        }

        return null;
    }

    private static void Select(RespWriter output, ReadOnlySpan<byte> database)
    {
        if (database.SequenceEqual("0"u8))
            output.Simple("OK"u8);
        else
            output.Error("ERR DB index is out of range: there is only database 0");
    }

    private void Authenticate(RespSession session, ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments)
    {
        if (!RequiresAuthentication)
        {
            session.Output.Error("ERR AUTH called without any password configured; set Tenfold:RateLimiting:Resp:Password");
            return;
        }

        var accepted = arguments.Length == 2
            ? _credentials.Accepts(arguments[1].In(input))
            : _credentials.Accepts(arguments[1].In(input), arguments[2].In(input));
        Admit(session, accepted);
        if (accepted)
            session.Output.Simple("OK"u8);
    }

    // HELLO [version [AUTH user password] [SETNAME name]]
    private void Hello(RespSession session, ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments)
    {
        var version = session.Output.IsVersion3 ? 3L : 2L;
        if (arguments.Length > 1 && (!RespParser.TryParseInteger(arguments[1].In(input), out version) || version is not (2 or 3)))
        {
            session.Output.Error("NOPROTO unsupported protocol version");
            return;
        }

        string? name = null;
        for (var i = 2; i < arguments.Length;)
        {
            var option = arguments[i].In(input);
            if (Ascii.EqualsIgnoreCase(option, "AUTH"u8) && i + 2 < arguments.Length)
            {
                var accepted = !RequiresAuthentication || _credentials.Accepts(arguments[i + 1].In(input), arguments[i + 2].In(input));
                Admit(session, accepted);
                if (!accepted)
                    return;
                i += 3;
            }
            else if (Ascii.EqualsIgnoreCase(option, "SETNAME"u8) && i + 1 < arguments.Length)
            {
                name = RespThrottle.Text(arguments[i + 1].In(input));
                i += 2;
            }
            else
            {
                session.Output.Error("ERR syntax error in HELLO: HELLO [2|3 [AUTH user password] [SETNAME name]]");
                return;
            }
        }

        if (!session.Authenticated)
        {
            session.Output.Error("NOAUTH HELLO must be called with the client already authenticated, or with AUTH user password");
            return;
        }

        session.Name = name ?? session.Name;
        session.Output.IsVersion3 = version == 3;
        WriteHello(session, version);
    }

    private static void WriteHello(RespSession session, long version)
    {
        var output = session.Output;
        output.Map(7);
        output.Bulk("server"u8);
        output.Bulk("tenfold"u8);
        output.Bulk("version"u8);
        output.Bulk(RespStatistics.RedisVersion);
        output.Bulk("proto"u8);
        output.Integer(version);
        output.Bulk("id"u8);
        output.Integer(session.Id);
        output.Bulk("mode"u8);
        output.Bulk("standalone"u8);
        output.Bulk("role"u8);
        output.Bulk("master"u8);
        output.Bulk("modules"u8);
        output.Array(0);
    }

    private void Admit(RespSession session, bool accepted)
    {
        if (accepted)
        {
            session.Authenticated = true;
            return;
        }

        statistics.LoginRefused();
        session.Output.Error("WRONGPASS invalid username-password pair or user is disabled.");
    }

    // Clients ask it to complete and colour what is typed; all live without an answer.
    private static void Describe(RespWriter output, ReadOnlySpan<byte> subcommand, int count)
    {
        if (Ascii.EqualsIgnoreCase(subcommand, "COUNT"u8))
        {
            output.Integer(0);
        }
        else if (Ascii.EqualsIgnoreCase(subcommand, "DOCS"u8))
        {
            output.Map(0);
        }
        else if (Ascii.EqualsIgnoreCase(subcommand, "INFO"u8))
        {
            output.Array(count - 2);
            for (var i = 2; i < count; i++)
                output.Null();
        }
        else
        {
            output.Array(0);
        }
    }
}

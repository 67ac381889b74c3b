using System.Globalization;
using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary><c>CLIENT</c>: what client libraries say of themselves when they connect.</summary>
internal static class RespClientCommand
{
    private const int MaxNameBytes = 256;

    public static void Execute(RespSession session, ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments)
    {
        var output = session.Output;
        var subcommand = arguments[1].In(input);
        if (Is(subcommand, "SETNAME"u8) && arguments.Length == 3)
            SetName(session, arguments[2].In(input));
        else if (Is(subcommand, "SETINFO"u8) && arguments.Length == 4)
            output.Simple("OK"u8);
        else if (Is(subcommand, "GETNAME"u8) && arguments.Length == 2)
            WriteName(session);
        else if (Is(subcommand, "ID"u8) && arguments.Length == 2)
            output.Integer(session.Id);
        else if (Is(subcommand, "INFO"u8) && arguments.Length == 2)
            output.Bulk(string.Create(
                CultureInfo.InvariantCulture,
                $"id={session.Id} addr={session.RemoteAddress} name={session.Name} db=0 resp={(output.IsVersion3 ? 3 : 2)}\n"));
        else
            output.Error("ERR unknown CLIENT subcommand or wrong number of arguments: SETNAME, SETINFO, GETNAME, ID, INFO");
    }

    private static bool Is(ReadOnlySpan<byte> given, ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(given, name);

    private static void SetName(RespSession session, ReadOnlySpan<byte> name)
    {
        if (name.Length > MaxNameBytes || name.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            session.Output.Error($"ERR Client names have at most {MaxNameBytes} printable characters and no spaces");
            return;
        }

        session.Name = Encoding.ASCII.GetString(name);
        session.Output.Simple("OK"u8);
    }

    private static void WriteName(RespSession session)
    {
        if (session.Name.Length == 0)
            session.Output.Null();
        else
            session.Output.Bulk(session.Name);
    }
}

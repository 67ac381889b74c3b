using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting;
using Tenfold.Server;
using Tenfold.Server.Listening;

namespace Tenfold.Cli.Run;

/// <summary>Says which address could not be taken, and by which flag another is chosen.</summary>
internal static class StartFailure
{
    /// <summary>Whether the start failed over an address.</summary>
    public static bool IsAddress(Exception e) => SocketErrorOf(e) is not null;

    public static CommandFailure Explain(Exception e, IServiceProvider services) =>
        FindTaken(services, e) ?? new CommandFailure(ExitCode.Failed, $"an address could not be taken: {e.Message}", e);

    /// <summary>The first configured address that cannot be taken, or null.</summary>
    public static CommandFailure? FindTaken(IServiceProvider services, Exception? cause = null)
    {
        var server = services.GetRequiredService<IOptions<ServerOptions>>().Value;
        var resp = services.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Resp;
        foreach (var (flag, text) in new[] { ("--http", server.Http), ("--grpc", server.Grpc), ("--resp", resp.Enabled ? resp.Address : null) })
        {
            if (!ListenAddress.TryParse(text, out var address, out _) || Probe(address) is not { } fault)
                continue;
            var why = fault switch
            {
                SocketError.AddressAlreadyInUse => "is taken by another program",
                SocketError.AccessDenied => "may not be taken by this user (ports under 1024 are reserved)",
                SocketError.AddressNotAvailable => "is no address of this machine",
                _ => $"cannot be taken ({fault})",
            };
            return new CommandFailure(ExitCode.Failed, $"{address} {why}. Choose another with {flag}, as {flag} {Other(address)}.", cause);
        }

        return null;
    }

    private static string Other(ListenAddress address) => new System.Net.IPEndPoint(address.Address, 0).ToString() + " (0 takes a free port)";

    private static SocketError? SocketErrorOf(Exception? e) => e switch
    {
        null => null,
        SocketException socket => socket.SocketErrorCode,
        AggregateException several => several.InnerExceptions.Select(SocketErrorOf).FirstOrDefault(x => x is not null),
        _ => SocketErrorOf(e.InnerException),
    };

    private static SocketError? Probe(ListenAddress address)
    {
        try
        {
            using var socket = new Socket(address.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(address.EndPoint);
            socket.Listen(1);
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }
}

using System.ComponentModel;
using System.Diagnostics;
using Tenfold.Cli.CommandLine;

namespace Tenfold.Cli.Run;

/// <summary><c>tenfold open</c>: shows the console of a running server in the browser.</summary>
internal static class OpenCommand
{
    public static TenfoldCommand Create()
    {
        var (server, key, data) = (CommonOptions.Server(), CommonOptions.Key(), CommonOptions.Data());
        var command = new TenfoldCommand("open", "Open the console of a running server in the browser.", CommandGroup.Run) { server, key, data };
        command.Examples.Add(("tenfold open", "the console of the server over .tenfold here"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), parsed.GetValue(data)!);
            if (!await client.IsThereAsync(cancellationToken))
                throw new CommandFailure(ExitCode.Failed, $"no Tenfold server answers at {client.Address}.\nStart one with 'tenfold up', or name it with --server.");
            Terminal.WriteLine(client.Address);
            if (!TryStartBrowser(client.Address))
                await Console.Error.WriteLineAsync("tenfold: no browser can be started from here: open the address yourself.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static bool TryStartBrowser(string address)
    {
        var opener = OperatingSystem.IsWindows() ? "explorer" : OperatingSystem.IsMacOS() ? "open" : "xdg-open";
        try
        {
            using var browser = Process.Start(new ProcessStartInfo(opener, [address]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true });
            return browser is not null;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            return false;
        }
    }
}

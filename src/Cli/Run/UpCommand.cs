using Tenfold.Cli.CommandLine;
using Tenfold.Server;
using Tenfold.Server.Lifetime;
using Tenfold.Server.Listening;

namespace Tenfold.Cli.Run;

/// <summary><c>tenfold up</c>: runs the server until it is told to stop.</summary>
internal static class UpCommand
{
    public static TenfoldCommand Create()
    {
        var options = new UpOptions();
        var json = CommonOptions.Json();
        var command = new TenfoldCommand("up", "Start the server and print where it listens.", CommandGroup.Run);
        options.AddTo(command);
        command.Add(json);
        command.Examples.Add(("tenfold up", "everything on this machine, data kept in .tenfold"));
        command.Examples.Add(("tenfold up --http 127.0.0.1:0", "on a free port, printed"));
        command.Examples.Add(("tenfold up --set RateLimiting:Engine=redis://127.0.0.1:6379", "limits shared through Redis"));
        command.SetAction((parsed, cancellationToken) => RunAsync(options.Read(parsed), parsed.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(HostSettings settings, bool json, CancellationToken cancellationToken)
    {
        await using var app = TenfoldHost.Build(settings);
        // Looked at before the start, which would log a taken address with all that .NET has to say about it.
        if (StartFailure.FindTaken(app.Services) is { } taken)
            throw taken;
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (StartFailure.IsAddress(e))
        {
            throw StartFailure.Explain(e, app.Services);
        }

        var addresses = app.Services.GetRequiredService<BoundAddresses>();
        var data = app.Services.GetRequiredService<DataDirectory>();
        if (json)
            Terminal.WriteJson(new { version = TenfoldHost.Version, pid = Environment.ProcessId, addresses = addresses.All, dataDirectory = data.Path });
        else
            Greeting.Write(app, addresses, data);

        using var stop = cancellationToken.Register(app.Lifetime.StopApplication);
        await app.WaitForShutdownAsync(CancellationToken.None);
        if (!json)
            Terminal.WriteLine("Stopped; the data is kept.");
        return ExitCode.Ok;
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.Bench.RateLimiter;

/// <summary>The servers that <see cref="BenchServer"/> starts: they print their port and serve until their input ends.</summary>
internal static class BenchServices
{
    public static int Serve(string kind)
    {
        switch (kind)
        {
            case "resp":
                ServeResp();
                return 0;
            default:
                Console.Error.WriteLine($"bench: no server '{kind}'");
                return 2;
        }
    }

    private static void ServeResp()
    {
        var options = new RespOptions { Address = "127.0.0.1:0" };
        var statistics = new RespStatistics(TimeProvider.System);
        var store = new EmbeddedLimitStore(new EmbeddedStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        var commands = new RespCommands(new RespThrottle(store), null, options, statistics);
        using var listener = new RespListener(options, commands, statistics, NullLogger<RespListener>.Instance);
        listener.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
        Console.WriteLine(listener.EndPoint!.Port);
        Console.In.ReadToEnd();
    }
}

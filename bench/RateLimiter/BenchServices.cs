using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting;
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
            case "grpc":
                ServeGrpc();
                return 0;
            default:
                if (HttpServices.Serve(kind))
                    return 0;
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

    // As `tenfold up` serves it: rules matched, the decision remembered for `why`, metrics counted.
    private static void ServeGrpc()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listener => listener.Protocols = HttpProtocols.Http2));
        builder.Services.AddTenfoldRateLimitingGrpc().AddTenfoldRateLimiting(options => options.Rules.Add(new RuleOptions
        {
            Name = "per-user",
            Match = { ["domain"] = "edge", ["path"] = "/api/*" },
            Key = { "user" },
            Limits = { new LimitOptions { Permits = 1_000_000, Period = "1m" } },
        }));
        var app = builder.Build();
        app.MapTenfoldRateLimitingGrpc();
        app.StartAsync().GetAwaiter().GetResult();
        Console.WriteLine(new Uri(app.Urls.Single()).Port);
        Console.In.ReadToEnd();
    }
}

using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting;

namespace Tenfold.Bench.RateLimiter;

/// <summary>One trivial endpoint behind our middleware, behind ASP.NET Core's own, and behind none; and our decisions over HTTP.</summary>
internal static class HttpServices
{
    private const string UserHeader = "X-User";

    public static bool Serve(string kind)
    {
        Action<WebApplicationBuilder, Action<Action<WebApplication>>>? shape = kind switch
        {
            "http-none" => (_, use) => use(_ => { }),
            "http-aspnet" => AspNetCore,
            "http-tenfold" => Tenfold,
            "http-acquire" => Acquire,
            _ => null,
        };
        if (shape is null)
            return false;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        Action<WebApplication> middleware = _ => { };
        shape(builder, use => middleware = use);
        var app = builder.Build();
        middleware(app);
        app.MapGet("/hello", () => "hello");
        app.StartAsync().GetAwaiter().GetResult();
        Console.WriteLine(new Uri(app.Urls.Single()).Port);
        Console.In.ReadToEnd();
        return true;
    }

    private static void Tenfold(WebApplicationBuilder builder, Action<Action<WebApplication>> use)
    {
        AddRule(builder);
        use(app => app.UseTenfoldRateLimiting());
    }

    private static void Acquire(WebApplicationBuilder builder, Action<Action<WebApplication>> use)
    {
        AddRule(builder);
        use(app => app.MapTenfoldRateLimiting());
    }

    // The same bucket as the peer's, keyed by the same header; what our middleware writes into each answer stays on.
    private static void AddRule(WebApplicationBuilder builder) => builder.Services.AddTenfoldRateLimiting(options =>
    {
        options.Http.Headers["user"] = UserHeader;
        options.Rules.Add(new RuleOptions { Name = "per-user", Key = { "user" }, Limits = { new LimitOptions { Permits = 1_000_000, Period = "1s" } } });
    });

    private static void AspNetCore(WebApplicationBuilder builder, Action<Action<WebApplication>> use)
    {
        builder.Services.AddRateLimiter(options => options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            RateLimitPartition.GetTokenBucketLimiter(context.Request.Headers[UserHeader].ToString(), _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = 1_000_000,
                TokensPerPeriod = 1_000_000,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                AutoReplenishment = true,
            })));
        use(app => app.UseRateLimiter());
    }
}

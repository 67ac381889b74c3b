using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Tests.Rules;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>RAT-8: .NET's own limiters over Tenfold's rules, as the base class's documentation promises them.</summary>
public sealed class DotnetRateLimiterTests
{
    private const string Two = """{ "Rules": [ { "Name": "r", "Key": ["user"], "Limits": [ { "Permits": 2, "Period": "10s" } ] } ] }""";
    private const string OneAtATime = """{ "Rules": [ { "Name": "c", "Limits": [ { "Algorithm": "concurrency", "Permits": 1 } ] } ] }""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Attempts_succeed_fail_and_tell_when_to_come_back()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host);
        using var first = limiter.AttemptAcquire(2);
        using var failed = limiter.AttemptAcquire();
        Assert.True(first.IsAcquired);
        Assert.False(failed.IsAcquired);
        Assert.True(failed.TryGetMetadata(MetadataName.RetryAfter, out var after));
        Assert.Equal(TimeSpan.FromSeconds(5), after);
        Assert.Contains(MetadataName.RetryAfter.Name, failed.MetadataNames);
        Assert.False(first.TryGetMetadata(MetadataName.RetryAfter, out _));
        Assert.False(limiter.AttemptAcquire(100).TryGetMetadata(MetadataName.RetryAfter, out _));
    }

    [Fact]
    public async Task Zero_permits_ask_only()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host);
        for (var i = 0; i < 5; i++)
            Assert.True(limiter.AttemptAcquire(0).IsAcquired);
        Assert.Equal(2, limiter.GetStatistics()!.CurrentAvailablePermits);
        limiter.AttemptAcquire(2);
        Assert.False(limiter.AttemptAcquire(0).IsAcquired);
        Assert.False((await limiter.AcquireAsync(0, Token)).IsAcquired);
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.AttemptAcquire(-1));
    }

    [Fact]
    public async Task Waiters_pass_in_order_within_the_queues_bound()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host, queue: 3);
        limiter.AttemptAcquire(2);
        var order = new List<int>();
        var waiters = Enumerable.Range(0, 3).Select(i => WaitAsync(i)).ToArray();
        Assert.Equal(3, limiter.GetStatistics()!.CurrentQueuedCount);
        Assert.Null(limiter.IdleDuration);
        Assert.False((await limiter.AcquireAsync(1, Token)).IsAcquired);
        for (var passed = 1; passed <= 3; passed++)
        {
            await Eventually.HoldsAsync(
                () =>
                {
                    if (order.Count < passed)
                        host.Time.Advance(TimeSpan.FromSeconds(1));
                    return order.Count >= passed;
                },
                $"waiter {passed} to pass");
        }

        await Task.WhenAll(waiters);
        Assert.Equal([0, 1, 2], order);
        Assert.Equal(0, limiter.GetStatistics()!.CurrentQueuedCount);
        host.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.InRange(limiter.IdleDuration!.Value.TotalSeconds, 60, 62);

        async Task WaitAsync(int i)
        {
            Assert.True((await limiter.AcquireAsync(1, Token)).IsAcquired);
            lock (order)
                order.Add(i);
        }
    }

    [Fact]
    public async Task A_waiter_may_leave_and_gives_up_its_place()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host, queue: 1);
        limiter.AttemptAcquire(2);
        using var leave = new CancellationTokenSource();
        var waiting = limiter.AcquireAsync(1, leave.Token).AsTask();
        Assert.Equal(1, limiter.GetStatistics()!.CurrentQueuedCount);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(0, limiter.GetStatistics()!.CurrentQueuedCount);

        var other = limiter.AcquireAsync(1, Token).AsTask();
        limiter.Dispose();
        Assert.False((await other).IsAcquired);
        Assert.Throws<ObjectDisposedException>(() => limiter.AttemptAcquire());
    }

    [Fact]
    public async Task A_lease_of_a_concurrency_limit_holds_until_it_is_disposed_and_lets_the_next_waiter_in()
    {
        await using var host = new RuleHost(OneAtATime);
        await using var limiter = Limiter(host, queue: 5);
        var held = limiter.AttemptAcquire();
        Assert.True(held.IsAcquired);
        Assert.False(limiter.AttemptAcquire().IsAcquired);
        Assert.Null(limiter.IdleDuration);
        var next = limiter.AcquireAsync(1, Token).AsTask();
        Assert.False(next.IsCompleted);
        held.Dispose();
        held.Dispose();
        using (var lease = await next.WaitAsync(Eventually.Deadline, Token))
            Assert.True(lease.IsAcquired);
        Assert.True(limiter.AttemptAcquire().IsAcquired);
        Assert.False((await limiter.AcquireAsync(2, Token)).IsAcquired);
    }

    [Fact]
    public async Task An_engine_that_is_elsewhere_is_asked_by_those_who_can_wait()
    {
        await using var host = new RuleHost(Two, new ElsewhereStore());
        await using var limiter = Limiter(host);
        Assert.False(limiter.AttemptAcquire().IsAcquired);
        Assert.True((await limiter.AcquireAsync(1, Token)).IsAcquired);
        Assert.Equal(1, limiter.GetStatistics()!.CurrentAvailablePermits);
        Assert.Equal(1, limiter.GetStatistics()!.TotalSuccessfulLeases);
    }

    [Fact]
    public async Task Partitions_are_the_rules_keys()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = host.Limiter.AsPartitionedRateLimiter<string>(user => RuleHost.Request(1, ("user", user)));
        Assert.True(limiter.AttemptAcquire("a", 2).IsAcquired);
        Assert.False(limiter.AttemptAcquire("a").IsAcquired);
        Assert.True(limiter.AttemptAcquire("b").IsAcquired);
        Assert.Equal(1, limiter.GetStatistics("b")!.CurrentAvailablePermits);
    }

    [Fact]
    public async Task AspNetCores_own_rate_limiter_middleware_runs_on_it()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddTenfoldRateLimiting(options => options.Rules.Add(
            new RuleOptions { Name = "r", Key = { "user" }, Limits = { new LimitOptions { Permits = 2, Period = "1h" } } }));
        builder.Services.AddRateLimiter(_ => { });
        builder.Services.AddOptions<RateLimiterOptions>().Configure<IRateLimiter>((options, limiter) =>
        {
            options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            options.GlobalLimiter = limiter.AsPartitionedRateLimiter<HttpContext>(
                context => RuleHost.Request(1, ("user", context.Request.Headers["X-User"].ToString())));
        });
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        await using var app = builder.Build();
        app.UseRateLimiter();
        app.MapGet("/", () => "hello");
        await app.StartAsync(Token);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        client.DefaultRequestHeaders.Add("X-User", "u");
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 3; i++)
            statuses.Add((await client.GetAsync("/", Token)).StatusCode);
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], statuses);
    }

    private static RateLimiter Limiter(RuleHost host, int queue = 0) =>
        host.Limiter.AsRateLimiter(RuleHost.Request(1, ("user", "u")), new DotnetRateLimiterOptions { QueueLimit = queue, Time = host.Time });
}

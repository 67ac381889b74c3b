using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Tests.Rules;
using Tenfold.RateLimiting.Why;
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
    public async Task Nobody_overtakes_those_in_line_and_is_told_when_to_come_back()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host, queue: 2);
        limiter.AttemptAcquire(2);
        var first = limiter.AcquireAsync(2, Token).AsTask();
        host.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(first.IsCompleted);
        using var attempt = limiter.AttemptAcquire();
        Assert.False(attempt.IsAcquired);
        using var full = await limiter.AcquireAsync(2, Token);
        Assert.False(full.IsAcquired);
        Assert.True(full.TryGetMetadata(MetadataName.RetryAfter, out var after));
        Assert.Equal(TimeSpan.FromSeconds(5), after);
        host.Time.Advance(TimeSpan.FromSeconds(6));
        using var lease = await first.WaitAsync(Eventually.Deadline, Token);
        Assert.True(lease.IsAcquired);
        Assert.False(lease.TryGetMetadata(MetadataName.RetryAfter, out _));
    }

    [Fact]
    public async Task Each_answer_is_counted_once_however_often_the_engine_was_asked()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = Limiter(host, queue: 5);
        limiter.AttemptAcquire(2);
        var waiters = Enumerable.Range(0, 3).Select(_ => limiter.AcquireAsync(1, Token).AsTask()).ToArray();
        await Eventually.HoldsAsync(
            () =>
            {
                host.Time.Advance(TimeSpan.FromSeconds(1));
                return waiters.All(w => w.IsCompleted);
            },
            "all waiters to pass");
        Assert.All(waiters, w => Assert.True(w.Result.IsAcquired));
        Assert.Equal((4, 0), Counts(limiter));
        limiter.AttemptAcquire(3);
        await limiter.AcquireAsync(100, Token);
        Assert.Equal((4, 2), Counts(limiter));
    }

    [Fact]
    public async Task A_request_that_is_refused_and_asks_again_is_one_rejection_in_the_figures()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = host.Limiter.AsPartitionedRateLimiter<string>(user => RuleHost.Request(1, ("user", user)));
        await limiter.AcquireAsync("u", 2, Token);
        Assert.False(limiter.AttemptAcquire("u").IsAcquired);
        Assert.False((await limiter.AcquireAsync("u", 1, Token)).IsAcquired);
        Assert.Equal(1, host.Observer.Rejected);

        // Who only attempts, who only acquires, and who asks for somebody else or for more, is another request.
        Assert.False(limiter.AttemptAcquire("u").IsAcquired);
        Assert.False(limiter.AttemptAcquire("u").IsAcquired);
        Assert.Equal(3, host.Observer.Rejected);
        Assert.False((await limiter.AcquireAsync("u", 2, Token)).IsAcquired);
        Assert.False((await limiter.AcquireAsync("u", 1, Token)).IsAcquired);
        Assert.Equal(5, host.Observer.Rejected);
        Assert.Equal(1, host.Observer.Admitted);
    }

    [Fact]
    public async Task A_wait_shorter_than_a_timer_counts_is_waited_not_spun()
    {
        await using var host = new RuleHost("""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": 10000, "Period": "1s", "Burst": 1 } ] } ] }""");
        await using var limiter = Limiter(host, queue: 1);
        limiter.AttemptAcquire();
        var waiting = limiter.AcquireAsync(1, Token).AsTask();
        Assert.False(waiting.IsCompleted);
        host.Time.Advance(TimeSpan.FromMilliseconds(1));
        using var lease = await waiting.WaitAsync(Eventually.Deadline, Token);
        Assert.True(lease.IsAcquired);
    }

    [Fact]
    public async Task Waiters_for_one_key_pass_in_order_and_do_not_hold_up_other_keys()
    {
        await using var host = new RuleHost(Two);
        await using var limiter = host.Limiter.AsPartitionedRateLimiter<string>(
            user => RuleHost.Request(1, ("user", user)), new DotnetRateLimiterOptions { QueueLimit = 10, Time = host.Time });
        limiter.AttemptAcquire("a", 2);
        limiter.AttemptAcquire("b", 2);
        var order = new List<int>();
        // The first of a's line waits for two permits: the next in line, who wants one, must not pass before it.
        var a = new[] { WaitAsync("a", 2, 0), WaitAsync("a", 1, 1), WaitAsync("a", 1, 2) };
        var b = limiter.AcquireAsync("b", 1, Token).AsTask();
        host.Time.Advance(TimeSpan.FromSeconds(5.1));
        using (var lease = await b.WaitAsync(Eventually.Deadline, Token))
            Assert.True(lease.IsAcquired);
        Assert.Empty(order);
        await Eventually.HoldsAsync(
            () =>
            {
                host.Time.Advance(TimeSpan.FromSeconds(1));
                lock (order)
                    return order.Count == a.Length;
            },
            "a's waiters to pass");
        await Task.WhenAll(a);
        Assert.Equal([0, 1, 2], order);

        async Task WaitAsync(string user, int permits, int i)
        {
            using var lease = await limiter.AcquireAsync(user, permits, Token);
            Assert.True(lease.IsAcquired);
            lock (order)
                order.Add(i);
        }
    }

    [Fact]
    public async Task One_limit_and_key_decide_apart_from_the_rules()
    {
        await using var host = new RuleHost("""{ "Rules": [ { "Name": "r", "Limits": [ { "Permits": 1, "Period": "1h" } ] } ] }""");
        var limit = Limit.Create("mails", LimitAlgorithm.TokenBucket, 3, TimeSpan.FromMinutes(1));
        await using var alice = host.Limiter.AsRateLimiter(limit, "alice");
        await using var again = host.Limiter.AsRateLimiter(limit, "alice");
        await using var bob = host.Limiter.AsRateLimiter(limit, "bob");
        Assert.True(alice.AttemptAcquire(2).IsAcquired);
        Assert.Equal(1, again.GetStatistics()!.CurrentAvailablePermits);
        Assert.False(again.AttemptAcquire(2).IsAcquired);
        Assert.True(bob.AttemptAcquire(3).IsAcquired);
        Assert.True((await host.AskAsync(1)).Admitted);

        await using var one = host.Limiter.AsRateLimiter(Limit.Create("backups", LimitAlgorithm.Concurrency, 1, TimeSpan.Zero), "nightly");
        var held = one.AttemptAcquire();
        Assert.True(held.IsAcquired);
        Assert.False(one.AttemptAcquire().IsAcquired);
        held.Dispose();
        Assert.True(one.AttemptAcquire().IsAcquired);
    }

    [Fact]
    public async Task Over_Redis_leases_of_two_nodes_hold_one_limit_and_the_waiter_gets_it_next()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var near = OnRedis(redis);
        await using var far = OnRedis(redis);
        var limit = Limit.Create("backups", LimitAlgorithm.Concurrency, 1, TimeSpan.Zero);
        await using var here = near.GetRequiredService<IRateLimiter>().AsRateLimiter(limit, "nightly");
        await using var there = far.GetRequiredService<IRateLimiter>().AsRateLimiter(limit, "nightly", new DotnetRateLimiterOptions { QueueLimit = 1 });
        var held = await here.AcquireAsync(1, Token);
        Assert.True(held.IsAcquired);
        Assert.False((await here.AcquireAsync(1, Token)).IsAcquired);
        var next = there.AcquireAsync(1, Token).AsTask();
        Assert.False(next.IsCompleted);
        held.Dispose();
        using var lease = await next.WaitAsync(Eventually.Deadline, Token);
        Assert.True(lease.IsAcquired);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AspNetCores_own_rate_limiter_middleware_runs_on_it(bool onRedis)
    {
        await using var redis = onRedis ? await RedisServer.StartAsync() : null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddTenfoldRateLimiting(options =>
        {
            options.Engine = redis?.Address ?? "embedded:";
            options.Rules.Add(new RuleOptions { Name = "r", Key = { "user" }, Limits = { new LimitOptions { Permits = 2, Period = "1h" } } });
        });
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

        // The middleware attempts and then acquires: on an engine in this process, that is one request refused twice.
        var observer = app.Services.GetRequiredService<DecisionObserver>();
        Assert.Equal((2, 1), (observer.Admitted, observer.Rejected));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.GetAsync("/", Token)));
        Assert.Equal((2, 21), (observer.Admitted, observer.Rejected));
    }

    private static ServiceProvider OnRedis(RedisServer redis)
    {
        var services = new ServiceCollection();
        services.AddTenfoldRateLimiting(options => options.Engine = redis.Address);
        return services.BuildServiceProvider();
    }

    private static (long Succeeded, long Failed) Counts(RateLimiter limiter)
    {
        var statistics = limiter.GetStatistics()!;
        return (statistics.TotalSuccessfulLeases, statistics.TotalFailedLeases);
    }

    private static RateLimiter Limiter(RuleHost host, int queue = 0) =>
        host.Limiter.AsRateLimiter(RuleHost.Request(1, ("user", "u")), new DotnetRateLimiterOptions { QueueLimit = queue, Time = host.Time });
}

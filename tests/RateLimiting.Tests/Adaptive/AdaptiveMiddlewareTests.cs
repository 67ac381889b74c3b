using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Adaptive;
using Tenfold.RateLimiting.Tests.Edges;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Adaptive;

/// <summary>The adaptive limiter before an application on Kestrel.</summary>
public sealed class AdaptiveMiddlewareTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_saturated_backend_sheds_bulk_before_normal_before_critical()
    {
        var gate = new TaskCompletionSource();
        await using var app = await StartAsync(gate.Task);
        var limiter = app.Get<IAdaptiveLimiter>();

        // Bulk may fill 7 of 10 places, normal 9, critical all.
        var held = await FillAsync(app, "/bulk", 7);
        using var bulk = await app.GetAsync("/bulk");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, bulk.StatusCode);
        Assert.Equal("application/problem+json", bulk.Content.Headers.ContentType?.MediaType);
        Assert.Equal(TimeSpan.FromSeconds(2), bulk.Headers.RetryAfter?.Delta);
        held.AddRange(await FillAsync(app, "/normal", 2));
        using var normal = await app.GetAsync("/normal");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, normal.StatusCode);
        held.AddRange(await FillAsync(app, "/critical", 1));
        using var critical = await app.GetAsync("/critical");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, critical.StatusCode);
        using var free = await app.GetAsync("/free");
        Assert.Equal(HttpStatusCode.OK, free.StatusCode);

        gate.SetResult();
        foreach (var answer in await Task.WhenAll(held))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Eventually.HoldsAsync(() => limiter.InFlight == 0, "all places given back");
    }

    [Fact]
    public async Task An_aborted_and_a_failed_request_give_their_places_back()
    {
        await using var app = await StartAsync(new TaskCompletionSource().Task);
        var limiter = app.Get<IAdaptiveLimiter>();
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var request = app.Client.GetAsync("/bulk", abort.Token);
        await Eventually.HoldsAsync(() => limiter.InFlight == 1, "the request is at work");
        await abort.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await Eventually.HoldsAsync(() => limiter.InFlight == 0, "its place is given back");

        using var failed = await app.GetAsync("/failing");
        Assert.Equal(HttpStatusCode.InternalServerError, failed.StatusCode);
        await Eventually.HoldsAsync(() => limiter.InFlight == 0, "its place is given back");
    }

    [Fact]
    public void Options_that_cannot_be_are_faults_at_the_start()
    {
        using var services = new ServiceCollection().AddTenfoldAdaptiveLimiting(o =>
        {
            o.RetryAfter = TimeSpan.Zero;
            o.Limiter.MinLimit = 0;
        }).BuildServiceProvider();
        var invalid = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Equal(2, invalid.Failures.Count());
    }

    private static async Task<List<Task<HttpResponseMessage>>> FillAsync(HttpApp app, string path, int count)
    {
        var limiter = app.Get<IAdaptiveLimiter>();
        var before = limiter.InFlight;
        var requests = Enumerable.Range(0, count).Select(_ => app.GetAsync(path)).ToList();
        await Eventually.HoldsAsync(() => limiter.InFlight == before + count, $"{count} requests to {path} at work");
        return requests;
    }

    // The limit cannot move while the test looks: it is what ten places of work are.
    private static Task<HttpApp> StartAsync(Task work) => HttpApp.StartAsync(
        map: app =>
        {
            app.UseTenfoldAdaptiveLimiting();
            app.MapGet("/bulk", WorkAsync).WithWorkPriority(WorkPriority.Bulk);
            app.MapGet("/normal", WorkAsync);
            app.MapGet("/critical", WorkAsync).WithWorkPriority(WorkPriority.Critical);
            app.MapGet("/free", () => "free").DisableRateLimit();
            app.MapGet("/failing", IResult () => throw new InvalidOperationException("as it should"));

            async Task WorkAsync(HttpContext context) => await work.WaitAsync(context.RequestAborted);
        },
        services: services => services.AddTenfoldAdaptiveLimiting(o =>
        {
            o.RetryAfter = TimeSpan.FromSeconds(2);
            (o.Limiter.MinLimit, o.Limiter.InitialLimit, o.Limiter.MaxLimit) = (10, 10, 10);
            // Only the priorities decide: no interval ends, so tenants are not divided.
            o.Limiter.Interval = o.Limiter.ProbeInterval = TimeSpan.FromMinutes(1);
        }));
}

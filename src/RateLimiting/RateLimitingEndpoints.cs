using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tenfold.RateLimiting;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the rate limiter's HTTP API.</summary>
public static class RateLimitingEndpoints
{
    private const int MaxDecisions = 1000;
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(1);

    /// <summary>Maps <c>/api/rate-limiter/…</c>: acquire, reservations, explain, decisions, rules, replay, live.</summary>
    /// <returns>The group, to add authorization to.</returns>
    public static IEndpointConventionBuilder MapTenfoldRateLimiting(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var api = endpoints.MapGroup("/api/rate-limiter").AddEndpointFilter(RefuseWhatCannotBeRead).DisableRateLimit();
        api.MapMethods("/acquire", ["GET", "POST"], AcquireAsync);
        api.MapPost("/reservations", ReserveAsync);
        api.MapPost("/reservations/{id}/settle", SettleAsync);
        api.MapPost("/explain", ExplainAsync);
        api.MapGet("/decisions", Decisions);
        api.MapGet("/decisions/{id}", Decision);
        api.MapGet("/rules", (RuleRateLimiter limiter) => Json(limiter.Rules.Rules.Select(HttpShapes.Of)));
        api.MapPost("/replay", ReplayAsync);
        api.MapGet("/live", LiveAsync);
        return api;
    }

    private static async ValueTask<object?> RefuseWhatCannotBeRead(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        try
        {
            return await next(invocation);
        }
        catch (BodyTooLongException e)
        {
            await HttpAnswers.RefuseAsync(context, StatusCodes.Status413PayloadTooLarge, "The request is too large", e.Message);
        }
        catch (ArgumentException e) when (!context.Response.HasStarted)
        {
            await HttpAnswers.RefuseAsync(context, StatusCodes.Status400BadRequest, "The request cannot be understood", e.Message);
        }

        return Results.Empty;
    }

    private static async Task AcquireAsync(HttpContext context, RuleRateLimiter limiter, HttpAnswers answers, HttpInlineLimit inlineLimits)
    {
        var question = await HttpRequestBodies.ReadQuestionAsync(context);
        var deny = ReadDeny(context.Request.Query);
        var decision = await limiter.AcquireAsync(Request(question), Inline(question, inlineLimits), context.RequestAborted);
        answers.WriteHeaders(context, decision);
        if (decision.Admitted)
            await context.Response.WriteAsJsonAsync(HttpShapes.Of(decision), HttpAnswers.Json, context.RequestAborted);
        else
            await HttpAnswers.RejectAsync(context, decision, deny);
    }

    private static async Task ReserveAsync(HttpContext context, RuleRateLimiter limiter, HttpAnswers answers, HttpInlineLimit inlineLimits, DecisionIds ids)
    {
        var question = await HttpRequestBodies.ReadQuestionAsync(context);
        var id = question.Id ?? "r-" + ids.Next();
        var seconds = question.ExpiresAfterSeconds ?? 60;
        if (!(seconds > 0) || seconds > TimeSpan.SecondsPerDay)
            throw new RequestFaultException(string.Create(CultureInfo.InvariantCulture, $"expiresAfterSeconds = {seconds}: must be more than 0 and at most 86400."));
        var decision = await limiter.ReserveAsync(
            OwnId(context, id), Request(question), TimeSpan.FromSeconds(seconds), Inline(question, inlineLimits), context.RequestAborted);
        answers.WriteHeaders(context, decision);
        if (!decision.Admitted)
        {
            await HttpAnswers.RejectAsync(context, decision);
            return;
        }

        var held = new { Id = id, ExpiresAfterSeconds = seconds, Decision = HttpShapes.Of(decision) };
        await context.Response.WriteAsJsonAsync(held, HttpAnswers.Json, context.RequestAborted);
    }

    private static async Task SettleAsync(HttpContext context, string id, RuleRateLimiter limiter)
    {
        var body = await HttpRequestBodies.ReadJsonAsync<Settlement>(context, HttpRequestBodies.MaxBytes);
        var cost = body.Cost ?? throw new RequestFaultException("cost is missing: write what the work really cost, 0 to refund all.");
        var outcome = await limiter.SettleAsync(OwnId(context, id), cost, context.RequestAborted);
        switch (outcome)
        {
            case SettleOutcome.Unknown:
                await HttpAnswers.RefuseAsync(
                    context, StatusCodes.Status404NotFound, "No such reservation", $"Reservation '{(id.Length <= 128 ? id : id[..128])}' was never made, was rejected, or ended long ago.");
                break;
            case SettleOutcome.Unavailable:
                context.Response.Headers.RetryAfter = "1";
                await HttpAnswers.RefuseAsync(
                    context, StatusCodes.Status503ServiceUnavailable, "The engine cannot be asked", "Nothing was settled: repeat the call with the same id.");
                break;
            default:
                await context.Response.WriteAsJsonAsync(new { Id = id, Outcome = Name(outcome) }, HttpAnswers.Json, context.RequestAborted);
                break;
        }
    }

    // A tenant's reservations have names of their own, so that no tenant can settle another's.
    private static string OwnId(HttpContext context, string id) =>
        HttpRequestBodies.TenantOf(context) is { } tenant ? $"{tenant}/{id}" : id;

    private static async Task<IResult> ExplainAsync(HttpContext context, RuleRateLimiter limiter)
    {
        var question = await HttpRequestBodies.ReadQuestionAsync(context);
        return Json(HttpShapes.Of(await limiter.ExplainAsync(Request(question), context.RequestAborted)));
    }

    private static IResult Decisions(DecisionObserver observer, bool rejected = false, int limit = 50) =>
        Json(observer.Log.Newest(Math.Clamp(limit, 1, MaxDecisions), rejected).Select(HttpShapes.Of));

    private static async Task<IResult> Decision(HttpContext context, string id, DecisionObserver observer)
    {
        if (observer.Log.Find(id) is { } record)
            return Json(HttpShapes.Explained(record));
        await HttpAnswers.RefuseAsync(
            context, StatusCodes.Status404NotFound, "No such decision", "It was never made on this node, newer ones pushed it out, or it was one of many admitted that are only counted.");
        return Results.Empty;
    }

    private static async Task<IResult> ReplayAsync(HttpContext context, TrafficReplay replay, DecisionObserver observer)
    {
        var (rules, traffic, began) = await HttpReplay.ReadAsync(context, observer.Recorder);
        return Json(await replay.RunAsync(traffic, began, rules, context.RequestAborted));
    }

    private static async Task LiveAsync(HttpContext context, LiveFigures figures, TimeProvider time)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        var viewer = figures.Open();
        using var timer = new PeriodicTimer(LiveInterval, time);
        try
        {
            do
            {
                var json = JsonSerializer.Serialize(viewer.Next(), HttpAnswers.Json);
                await context.Response.WriteAsync($"event: live\ndata: {json}\n\n", context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
            while (await timer.WaitForNextTickAsync(context.RequestAborted));
        }
        catch (OperationCanceledException)
        {
            // The viewer has left.
        }
    }

    private static RateLimitRequest Request(HttpRequestBodies.Question question) => new(question.Attributes ?? [], question.Cost ?? 1);

    private static InlineLimit? Inline(HttpRequestBodies.Question question, HttpInlineLimit limits)
    {
        if (question.Limit is null)
            return null;
        if (!limits.TryRead(question.Limit, question.Burst, question.Algorithm, out var limit, out var fault))
            throw new RequestFaultException(fault);
        return new InlineLimit(limit, question.Attributes?.GetValueOrDefault(AttributeNames.Key));
    }

    // nginx's auth_request lets through 2xx, passes on 401 and 403, and takes anything else for an error.
    private static int ReadDeny(IQueryCollection query) => query["deny"].ToString() switch
    {
        "" or "429" => StatusCodes.Status429TooManyRequests,
        "403" => StatusCodes.Status403Forbidden,
        "401" => StatusCodes.Status401Unauthorized,
        "503" => StatusCodes.Status503ServiceUnavailable,
        var other => throw new RequestFaultException($"deny = {(other.Length <= 40 ? other : other[..40])}: write 429, 403, 401 or 503."),
    };

    private static string Name(SettleOutcome outcome) => outcome switch
    {
        SettleOutcome.AlreadySettled => "already-settled",
        SettleOutcome.SettledLate => "settled-late",
        _ => "settled",
    };

    private static IResult Json(object value) => Results.Json(value, HttpAnswers.Json);

    private sealed record Settlement(long? Cost);
}

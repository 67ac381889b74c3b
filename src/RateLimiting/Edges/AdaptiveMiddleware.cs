using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Adaptive;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Lets a request in when there is a place, and gives the place back when its response has ended, however it ends.</summary>
internal sealed class AdaptiveMiddleware(
    RequestDelegate next, IAdaptiveLimiter limiter, AdaptiveMetrics metrics, IOptions<AdaptiveLimitingOptions> options)
{
    private readonly AdaptiveLimitingOptions _options = options.Value;

    /// <summary>Handles one request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<DisableRateLimitAttribute>() is not null)
        {
            await next(context);
            return;
        }

        var priority = _options.Priority(context);
        var entered = limiter.TryEnter(_options.Tenant(context) ?? "", priority, out var lease);
        metrics.Count(priority, entered);
        if (!entered)
        {
            await ShedAsync(context);
            return;
        }

        // A body may go on being sent long after the handler returned; the server calls this for an aborted request too.
        var failed = false;
        context.Response.OnCompleted(() =>
        {
            lease.Complete(Outcome(context, failed));
            return Task.CompletedTask;
        });
        try
        {
            await next(context);
        }
        catch
        {
            failed = true;
            throw;
        }
    }

    // An answer that failed or was given up took no time that means anything; a refusal of the backend means overload.
    private WorkOutcome Outcome(HttpContext context, bool failed) =>
        context.RequestAborted.IsCancellationRequested || failed ? WorkOutcome.Ignored
        : _options.OverloadStatuses.Contains(context.Response.StatusCode) ? WorkOutcome.Overloaded
        : context.Response.StatusCode is >= 400 and < 500 ? WorkOutcome.Ignored
        : WorkOutcome.Done;

    private Task ShedAsync(HttpContext context)
    {
        var seconds = ((long)Math.Ceiling(_options.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        context.Response.Headers.RetryAfter = seconds;
        return HttpAnswers.RefuseAsync(
            context, StatusCodes.Status503ServiceUnavailable, "Overloaded", $"The service has as much work as it can do, and shed this request unseen. Try again in {seconds} s.");
    }
}

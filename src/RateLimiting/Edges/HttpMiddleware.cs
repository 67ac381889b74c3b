using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// Decides each request before the application sees it. What is held (concurrency, an estimated cost) is settled when the response has ended, however it
/// ends: completed, failed or aborted.
/// </summary>
internal sealed class HttpMiddleware(
    RequestDelegate next,
    RuleRateLimiter limiter,
    HttpAttributeReader reader,
    HttpAnswers answers,
    DecisionIds ids,
    IOptions<RateLimitingOptions> options,
    ILogger<HttpMiddleware> log)
{
    private readonly TimeSpan _holdExpiresAfter = options.Value.Http.HoldExpiresAfter;

    /// <summary>Handles one request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<DisableRateLimitAttribute>() is not null)
        {
            await next(context);
            return;
        }

        var cost = metadata?.GetMetadata<RateLimitCostAttribute>();
        var knownAfterwards = cost is { KnownAfterwards: true };
        var rules = limiter.Rules;
        var terms = new DecisionTerms
        {
            RequiredRules = Required(metadata, rules),
            ReservationId = knownAfterwards || rules.HoldsAny ? "http-" + ids.Next() : null,
            ExpiresAfter = _holdExpiresAfter,
            HoldCost = knownAfterwards,
        };
        RateLimitDecision decision;
        try
        {
            decision = await limiter.DecideAsync(new HttpAttributes(context, reader, rules), cost?.Cost ?? 1, terms, context.RequestAborted);
        }
        catch (ArgumentException e)
        {
            await HttpAnswers.RefuseAsync(context, StatusCodes.Status400BadRequest, "The request cannot be rate limited", e.Message);
            return;
        }

        answers.WriteHeaders(context, decision);
        if (!decision.Admitted)
        {
            await HttpAnswers.RejectAsync(context, decision);
            return;
        }

        if (terms.ReservationId is { } reservation && (knownAfterwards || Holds(decision)))
            SettleAtTheEnd(context, reservation, knownAfterwards, cost?.Cost ?? 1);
        await next(context);
    }

    private static bool Holds(RateLimitDecision decision)
    {
        foreach (var limit in decision.Limits)
        {
            if (limit.Limit.Algorithm == LimitAlgorithm.Concurrency)
                return true;
        }

        return false;
    }

    private static List<string>? Required(EndpointMetadataCollection? metadata, RuleSet rules)
    {
        var required = metadata?.GetOrderedMetadata<RequireRateLimitAttribute>();
        if (required is null or { Count: 0 })
            return null;
        var names = new List<string>(required.Count);
        foreach (var attribute in required)
        {
            // Better no answer than an endpoint that is quietly unlimited.
            if (!rules.Matcher.Knows(attribute.Rule))
                throw new InvalidOperationException($"An endpoint requires the rate limit rule '{attribute.Rule}', which is not configured. Known: {string.Join(", ", rules.Rules.Select(r => r.Name))}.");
            names.Add(attribute.Rule);
        }

        return names;
    }

    private void SettleAtTheEnd(HttpContext context, string reservation, bool knownAfterwards, long estimate)
    {
        var feature = new HttpCostFeature();
        if (knownAfterwards)
            context.Features.Set(feature);
        // Called once the response is complete, failed or abandoned: after the body was sent, which may be long after the handler returned.
        context.Response.OnCompleted(async () =>
        {
            try
            {
                // The work is done: the settlement must not be cancelled with the request.
                var outcome = await limiter.SettleAsync(reservation, feature.Cost ?? estimate, CancellationToken.None);
                if (outcome is SettleOutcome.Unavailable or SettleOutcome.Unknown)
                    RateLimitingLog.SettleFailed(log, outcome);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                RateLimitingLog.SettleThrew(log, e);
            }
        });
    }
}

using Tenfold.RateLimiting.Edges;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts the rate limiter before an application's requests.</summary>
public static class RateLimitingApplicationBuilderExtensions
{
    /// <summary>
    /// Limits every request by the configured rules: 429 with problem details, <c>Retry-After</c> and <c>RateLimit</c> headers. Put it after routing and
    /// authentication, so that rules can know endpoint, user and tenant.
    /// </summary>
    /// <exception cref="InvalidOperationException"><c>AddTenfoldRateLimiting</c> was not called.</exception>
    public static IApplicationBuilder UseTenfoldRateLimiting(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (app.ApplicationServices.GetService(typeof(HttpAnswers)) is null)
            throw new InvalidOperationException("The rate limiter is not registered: call builder.Services.AddTenfoldRateLimiting() before building the application.");
        return app.UseMiddleware<HttpMiddleware>();
    }
}

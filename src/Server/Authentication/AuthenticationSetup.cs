using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.Options;

namespace Tenfold.Server.Authentication;

/// <summary>Puts keys and tokens before every endpoint that does not say otherwise, once either is configured.</summary>
internal static class AuthenticationSetup
{
    private const string Either = "KeyOrToken";

    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<ApiKeyTable>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, JwtSetup>();
        services.AddAuthentication(Either)
            .AddPolicyScheme(Either, null, scheme => scheme.ForwardDefaultSelector = Choose)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.SchemeName, null)
            .AddJwtBearer();
        services.AddAuthorization();
        services.AddOptions<AuthorizationOptions>().Configure<IOptions<ServerOptions>>((authorization, server) =>
        {
            if (server.Value.HasAuthentication)
                authorization.FallbackPolicy = new AuthorizationPolicyBuilder(Either).RequireAuthenticatedUser().AddRequirements(new ScopeRequirement()).Build();
        });
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, SayWhy>();
    }

    /// <summary>Leaves the health service of gRPC open, as <c>/health</c> is: whoever balances load has no key.</summary>
    public static void OpenHealth(EndpointBuilder endpoint)
    {
        if (endpoint is RouteEndpointBuilder { RoutePattern.RawText: { } route } && route.TrimStart('/').StartsWith("grpc.health.v1.Health/", StringComparison.Ordinal))
            endpoint.Metadata.Add(new AllowAnonymousAttribute());
    }

    // A token has three parts and a key none, so the two can share the Bearer header.
    private static string Choose(HttpContext context)
    {
        var jwt = context.RequestServices.GetRequiredService<IOptions<ServerOptions>>().Value.Jwt;
        return jwt.IsSet && ApiKeyHandler.Presented(context.Request)?.Count(c => c == '.') == 2
            ? JwtBearerDefaults.AuthenticationScheme
            : ApiKeyHandler.SchemeName;
    }

    /// <summary>Adds to a refusal what the caller can do about it.</summary>
    private sealed class SayWhy : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler _inner = new();

        public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult result)
        {
            await _inner.HandleAsync(next, context, policy, result);
            if (result.Succeeded || context.Response.HasStarted)
                return;
            var why = result.Forbidden
                ? result.AuthorizationFailure?.FailureReasons.FirstOrDefault()?.Message
                : ApiKeyHandler.Presented(context.Request) is null
                    ? "Say who you are: send 'Authorization: Bearer KEY', with a key of Tenfold:Server:ApiKeys or a token that Tenfold:Server:Jwt accepts."
                    : "The key or token is not accepted: it is unknown, expired, or for another server.";
            await Errors.Problems.WriteAsync(context, why);
        }
    }
}

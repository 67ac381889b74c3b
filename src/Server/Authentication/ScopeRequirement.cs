using Microsoft.AspNetCore.Authorization;

namespace Tenfold.Server.Authentication;

/// <summary>Lets a known caller do what its scopes allow.</summary>
internal sealed class ScopeRequirement : AuthorizationHandler<ScopeRequirement>, IAuthorizationRequirement
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        if (context.Resource is HttpContext http)
        {
            // OAuth's own form is one claim with words between spaces (RFC 8693 section 4.2).
            var held = context.User.FindAll(Scope.ClaimType).SelectMany(c => c.Value.Split(' '));
            var needed = Scope.NeededFor(http.Request);
            if (context.User.HasClaim(c => c.Type == Scope.TenantClaimType) && !Scope.IsForOneTenant(http.Request))
                context.Fail(new AuthorizationFailureReason(this, "This concerns every tenant, and the caller's key or token speaks for one."));
            else if (Scope.Allows(held, needed))
                context.Succeed(requirement);
            else
                context.Fail(new AuthorizationFailureReason(this, $"This needs the scope '{needed}', which the caller's key or token does not have."));
        }

        return Task.CompletedTask;
    }
}

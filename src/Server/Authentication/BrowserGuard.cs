using System.Net;
using Microsoft.Extensions.Options;

namespace Tenfold.Server.Authentication;

/// <summary>
/// Keeps web pages away from a server that trusts its own machine. Without authentication any page open in a browser here could
/// send requests to loopback, directly (cross-site) or through a name of its own that resolves to it (DNS rebinding).
/// </summary>
internal sealed class BrowserGuard(IOptions<ServerOptions> options, RequestDelegate next)
{
    private readonly ServerOptions _options = options.Value;

    public Task InvokeAsync(HttpContext context)
    {
        var refusal = RefuseHost(context.Request.Host) ?? (_options.HasAuthentication ? null : RefuseOrigin(context.Request));
        if (refusal is null)
            return next(context);
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return Errors.Problems.WriteAsync(context, refusal);
    }

    private string? RefuseHost(HostString host)
    {
        if (_options.AllowedHosts.Count > 0)
            return _options.AllowedHosts.Contains(host.Host, StringComparer.OrdinalIgnoreCase) || _options.AllowedHosts.Contains("*") ? null : Say(host);
        if (_options.HasAuthentication)
            return null;
        var name = host.Host.Trim('[', ']');
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(name, out var ip) && IPAddress.IsLoopback(ip)) ? null : Say(host);

        static string Say(HostString host) =>
            $"The host '{host.Host}' is not one of this server's: call it by 127.0.0.1 or localhost, or name the host in Tenfold:Server:AllowedHosts.";
    }

    private static string? RefuseOrigin(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        var foreign = (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority == request.Host.Value)) || site == "cross-site";
        // Following a link to the console is harmless, and is cross-site too.
        var navigates = request.Headers["Sec-Fetch-Mode"] == "navigate" && HttpMethods.IsGet(request.Method) && !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase);
        return foreign && !navigates ? "Requests from pages of another site are refused: no authentication is configured." : null;
    }
}

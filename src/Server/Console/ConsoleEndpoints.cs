using Microsoft.Net.Http.Headers;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Serves the web console.</summary>
public static class ConsoleEndpoints
{
    // The console's pages run their own files only and talk to their own origin only.
    private const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    // A lab report is a self-contained page with its own styles and plots: it may draw, and reach nothing. The sandbox gives it
    // an origin of its own, so that it sees neither the console's key nor its pages.
    private const string ReportPolicy =
        "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

    /// <summary>
    /// Serves the web console at <paramref name="path"/>: pages of this assembly, which show what the JSON API of the same
    /// application answers under <c>/api</c>. Nothing is loaded from elsewhere.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="path">Where: <c>/</c>, or <c>/ops</c>, <c>/internal/tenfold</c>.</param>
    /// <remarks>
    /// The pages hold no data and are served without authentication; the API asks for the key, and the console then asks the
    /// user for it. Links are relative, so that a proxy may put the application below any prefix.
    /// </remarks>
    /// <exception cref="ArgumentException"><paramref name="path"/> does not begin with <c>/</c>, or has a parameter.</exception>
    public static IEndpointConventionBuilder MapTenfoldConsole(this IEndpointRouteBuilder endpoints, string path = "/")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path[0] != '/' || path.AsSpan().ContainsAny("{}*?#"))
            throw new ArgumentException($"'{path}' is no place for the console: write a path as '/' or '/ops'.", nameof(path));

        var mount = path.TrimEnd('/');
        var depth = mount.Count(c => c == '/');
        var bundle = ConsoleBundle.Load(depth == 0 ? "api/" : string.Concat(Enumerable.Repeat("../", depth)) + "api/");

        var group = endpoints.MapGroup(mount).AllowAnonymous().ExcludeFromDescription();
        group.MapMethods("/", ReadMethods, context => ServeRootAsync(context, bundle, mount));
        group.MapMethods("/report-frame.html", ReadMethods, context => ServeAsync(context, bundle.Find("report-frame.html"), ReportPolicy));
        group.MapMethods("/assets/{name}", ReadMethods, context =>
            ServeAsync(context, bundle.Find($"assets/{context.GetRouteValue("name")}"), PagePolicy));
        return group;
    }

    private static readonly string[] ReadMethods = [HttpMethods.Get, HttpMethods.Head];

    private static Task ServeRootAsync(HttpContext context, ConsoleBundle bundle, string mount)
    {
        // Without the slash at its end, the page's relative links would miss by one level.
        if (mount.Length > 0 && context.Request.Path.Value is { } asked && !asked.EndsWith('/'))
        {
            context.Response.Redirect($"{mount[(mount.LastIndexOf('/') + 1)..]}/", permanent: false);
            return Task.CompletedTask;
        }

        return ServeAsync(context, bundle.Find("index.html"), PagePolicy);
    }

    private static async Task ServeAsync(HttpContext context, ConsoleFile? file, string policy)
    {
        var response = context.Response;
        if (file is null)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var headers = response.Headers;
        headers.ETag = file.ETag;
        headers.CacheControl = file.Immutable ? "public, max-age=31536000, immutable" : "no-cache";
        headers.Vary = HeaderNames.AcceptEncoding;
        headers.ContentSecurityPolicy = policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = file.Immutable ? "cross-origin" : "same-origin";
        if (HasTag(context.Request, file.ETag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        var zipped = AcceptsGzip(context.Request);
        var content = zipped ? file.Gzip : file.Content;
        if (zipped)
            headers.ContentEncoding = "gzip";
        response.ContentType = file.ContentType;
        response.ContentLength = content.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.Body.WriteAsync(content, context.RequestAborted);
    }

    private static bool HasTag(HttpRequest request, string tag) =>
        request.GetTypedHeaders().IfNoneMatch.Any(t => t.Tag == "*" || t.Compare(EntityTagHeaderValue.Parse(tag), useStrongComparison: false));

    private static bool AcceptsGzip(HttpRequest request) =>
        request.GetTypedHeaders().AcceptEncoding.Any(e => e.Value == "gzip" && e.Quality is not 0);
}

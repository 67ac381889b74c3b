using System.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Tenfold.Server.Errors;

/// <summary>Answers every error as <c>application/problem+json</c> (RFC 9457), whatever the caller says it accepts.</summary>
internal static class Problems
{
    public static void AddTo(IServiceCollection services) => services.AddProblemDetails().AddExceptionHandler<Handler>();

    /// <summary>Must come first: what lies before it is not covered.</summary>
    public static void Use(IApplicationBuilder app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = context => WriteAsync(context, detail: null),
            SuppressDiagnosticsCallback = _ => false,
        });
        app.UseStatusCodePages(pages => WriteAsync(pages.HttpContext, Explain(pages.HttpContext)));
    }

    /// <summary>Writes the response's status as a problem.</summary>
    public static Task WriteAsync(HttpContext context, string? detail)
    {
        var status = context.Response.StatusCode;
        var problem = new ProblemDetails
        {
            Status = status,
            Title = ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase ? phrase : "Error",
            Type = "about:blank",
            Detail = detail,
            Instance = context.Request.Path,
        };
        problem.Extensions["traceId"] = Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier;
        return context.Response.WriteAsJsonAsync(problem, options: null, contentType: "application/problem+json");
    }

    private static string? Explain(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {context.Request.Method} {context.Request.Path}.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Path} does not take {context.Request.Method}; see the Allow header.",
        StatusCodes.Status413PayloadTooLarge => "The body is larger than Tenfold:Server:MaxRequestBytes allows.",
        StatusCodes.Status415UnsupportedMediaType => "Send the body as application/json.",
        StatusCodes.Status504GatewayTimeout => "The request took longer than Tenfold:Server:RequestTimeout allows.",
        _ => null,
    };

    /// <summary>Knows which exceptions are the caller's doing; all others are a 500 that says nothing of the inside.</summary>
    private sealed class Handler : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
        {
            if (exception is not BadHttpRequestException bad)
                return false;
            httpContext.Response.StatusCode = bad.StatusCode;
            await WriteAsync(httpContext, Explain(httpContext) ?? bad.Message);
            return true;
        }
    }
}

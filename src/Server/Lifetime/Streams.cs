using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Tenfold.Server.Lifetime;

/// <summary>
/// Answers that last as long as their reader stays (<c>…/live</c>, streaming gRPC methods): no request timeout cuts them, and they end when the
/// server drains, which they would otherwise hold up to its limit.
/// </summary>
internal sealed class Streams(RequestDelegate next, IHostApplicationLifetime lifetime)
{
    /// <summary>Marks an endpoint that streams.</summary>
    public static void Mark(EndpointBuilder endpoint)
    {
        var grpc = endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault();
        var streams = grpc is null
            ? endpoint is RouteEndpointBuilder { RoutePattern.RawText: { } route } && route.EndsWith("/live", StringComparison.Ordinal)
            : grpc.Method.Type != MethodType.Unary;
        if (streams)
            endpoint.Metadata.Add(new Streaming());
        // A gRPC call has a deadline of its own.
        if (streams || grpc is not null)
            endpoint.Metadata.Add(new DisableRequestTimeoutAttribute());
    }

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<Streaming>() is null)
        {
            await next(context);
            return;
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        context.RequestAborted = end.Token;
        await next(context);
    }

    private sealed class Streaming;
}

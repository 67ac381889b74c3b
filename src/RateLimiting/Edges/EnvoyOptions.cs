namespace Tenfold.RateLimiting.Edges;

/// <summary>Envoy's rate limit service over gRPC: <c>Tenfold:RateLimiting:Envoy</c>.</summary>
public sealed class EnvoyOptions
{
    /// <summary>
    /// Also ask Envoy to add the <c>RateLimit</c> headers to the responses of admitted requests. Default false: headers on every response cost
    /// a quarter of a call; rejected ones always get them.
    /// </summary>
    public bool HeadersWhenAdmitted { get; set; }
}

using Grpc.Core;
using Microsoft.Extensions.Options;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// Envoy's rate limit service, version 3. A descriptor's entries and the domain are the attributes that rules match; all descriptors of a
/// call are charged together or not at all. A descriptor that no rule knows is admitted.
/// </summary>
/// <remarks>Thread-safe. Source: the public definition <c>envoy.service.ratelimit.v3</c>.</remarks>
[BindServiceMethod(typeof(EnvoyBinding), nameof(EnvoyBinding.BindService))]
internal sealed class EnvoyRateLimitService(IRateLimiter limiter, IJointRateLimiter joint, IOptions<RateLimitingOptions> options)
    : Rls.RateLimitService.RateLimitServiceBase
{
    private readonly bool _headersWhenAdmitted = options.Value.Envoy.HeadersWhenAdmitted;

    /// <summary>Decides one call.</summary>
    /// <exception cref="RpcException">InvalidArgument: the call is out of bounds. Unavailable: the limiter cannot decide.</exception>
    public override async Task<Rls.RateLimitResponse> ShouldRateLimit(Rls.RateLimitRequest request, ServerCallContext context)
    {
        var requests = EnvoyRequests.Read(request);
        try
        {
            IReadOnlyList<RateLimitDecision> decisions = requests is [{ InlineLimit: null } only]
                ? [await limiter.AcquireAsync(only.Request, context.CancellationToken)]
                : await joint.AcquireTogetherAsync(requests, context.CancellationToken);
            return EnvoyAnswers.Write(decisions, _headersWhenAdmitted);
        }
        catch (ArgumentException fault)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, fault.Message));
        }
        catch (TenfoldException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
    }
}

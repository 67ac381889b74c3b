using Envoy.Extensions.Common.Ratelimit.V3;
using Grpc.Core;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Turns a ShouldRateLimit call into requests for the limiter, or refuses it with what is wrong.</summary>
internal static class EnvoyRequests
{
    /// <summary>The most descriptors of a call.</summary>
    public const int MaxDescriptors = 100;

    /// <summary>The most entries of a descriptor: the domain is an attribute too.</summary>
    public const int MaxEntries = RateLimitRequest.MaxAttributes - 1;

    /// <summary>The id of the limits that callers set themselves.</summary>
    public const string OverrideLimitId = "envoy-override";

    private const long MoreThanNothing = int.MaxValue;

    // A limit of nothing at all: no cost this high ever has room.
    private static readonly Limit Nothing = Limit.Create(OverrideLimitId, LimitAlgorithm.TokenBucket, 1, TimeSpan.FromSeconds(1));

    /// <summary>One request a descriptor, in order.</summary>
    /// <exception cref="RpcException">InvalidArgument: the call is out of bounds; its detail says what and what is allowed.</exception>
    public static JointRequest[] Read(Rls.RateLimitRequest call)
    {
        if (call.Domain.Length == 0)
            throw Invalid("domain must not be empty");
        if (call.Descriptors.Count is 0 or > MaxDescriptors)
            throw Invalid($"{call.Descriptors.Count} descriptors: must be 1-{MaxDescriptors}");
        var requests = new JointRequest[call.Descriptors.Count];
        for (var i = 0; i < requests.Length; i++)
            requests[i] = Read(call, call.Descriptors[i], i);
        return requests;
    }

    /// <summary>Whether the limit stands for an override of 0 requests.</summary>
    public static bool IsNothing(Limit limit) => ReferenceEquals(limit, Nothing);

    private static JointRequest Read(Rls.RateLimitRequest call, RateLimitDescriptor descriptor, int place)
    {
        if (descriptor.Entries.Count is 0 or > MaxEntries)
            throw Invalid($"descriptors[{place}] has {descriptor.Entries.Count} entries: must have 1-{MaxEntries}");
        foreach (var entry in descriptor.Entries)
        {
            if (entry.Key.Length == 0)
                throw Invalid($"descriptors[{place}] has an entry without a key");
            if (entry.Value.Length > RateLimitRequest.MaxValueLength || entry.Key.Length > RateLimitRequest.MaxValueLength)
                throw Invalid($"descriptors[{place}] has an entry of over {RateLimitRequest.MaxValueLength} characters");
        }

        if (descriptor.IsNegativeHits)
            throw Invalid($"descriptors[{place}] has is_negative_hits: giving units back is not offered; reserve and settle instead");
        var request = new RateLimitRequest(new EnvoyAttributes(call.Domain, descriptor.Entries), Cost(call, descriptor, place));
        if (descriptor.Limit is not { } limit)
            return new JointRequest(request);
        return limit.RequestsPerUnit == 0
            ? new JointRequest(request with { Cost = MoreThanNothing }, Nothing)
            : new JointRequest(request, Override(limit, place));
    }

    private static long Cost(Rls.RateLimitRequest call, RateLimitDescriptor descriptor, int place)
    {
        // The descriptor's own hits may be an honest 0 (only look); the call's 0 is an unset field and means 1.
        if (descriptor.HitsAddend is not { } hits)
            return Math.Max(1, call.HitsAddend);
        return hits <= long.MaxValue ? (long)hits : throw Invalid($"descriptors[{place}] has hits_addend {hits}: at most {long.MaxValue}");
    }

    private static Limit Override(RateLimitDescriptor.Types.RateLimitOverride limit, int place)
    {
        var period = EnvoyUnits.Length(limit.Unit)
            ?? throw Invalid($"descriptors[{place}] has a limit with unit {(int)limit.Unit}: must be SECOND, MINUTE, HOUR, DAY, MONTH or YEAR");
        return Limit.Create(OverrideLimitId, LimitAlgorithm.TokenBucket, limit.RequestsPerUnit, period);
    }

    private static RpcException Invalid(string fault) => new(new Status(StatusCode.InvalidArgument, fault));
}

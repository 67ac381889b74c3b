using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// Binds the service as the generated code would, but for one thing: bytes that are no message are the caller's fault
/// (InvalidArgument, and what is wrong), where gRPC for .NET says Unknown and nothing.
/// </summary>
internal static class EnvoyBinding
{
    private static readonly Method<Rls.RateLimitRequest, Rls.RateLimitResponse> ShouldRateLimit = new(
        MethodType.Unary,
        Rls.RateLimitService.Descriptor.FullName,
        "ShouldRateLimit",
        new Marshaller<Rls.RateLimitRequest>(Write, Read),
        new Marshaller<Rls.RateLimitResponse>(Write, static _ => throw new NotSupportedException("A server reads no responses.")));

    /// <summary>What the reflection service tells of it; looked for by this name.</summary>
    public static ServiceDescriptor Descriptor => Rls.RateLimitService.Descriptor;

    /// <summary>Called by gRPC when the service is mapped.</summary>
    public static void BindService(ServiceBinderBase binder, Rls.RateLimitService.RateLimitServiceBase? service) =>
        binder.AddMethod(ShouldRateLimit, service is null ? null : service.ShouldRateLimit);

    private static Rls.RateLimitRequest Read(DeserializationContext context)
    {
        try
        {
            return Rls.RateLimitRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence());
        }
        catch (InvalidProtocolBufferException fault)
        {
            throw new RpcException(new Status(
                StatusCode.InvalidArgument, $"not an envoy.service.ratelimit.v3.RateLimitRequest: {fault.InnerException?.Message ?? fault.Message}"));
        }
    }

    private static void Write(IMessage message, SerializationContext context)
    {
        context.SetPayloadLength(message.CalculateSize());
        message.WriteTo(context.GetBufferWriter());
        context.Complete();
    }
}

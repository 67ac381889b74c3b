using System.Net;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Service.Ratelimit.V3;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>A running gRPC face on a free port, and .NET's own client to it.</summary>
internal sealed class EnvoyFace : IAsyncDisposable
{
    private readonly WebApplication _app;

    private EnvoyFace(WebApplication app)
    {
        _app = app;
        Address = app.Urls.Single();
        Channel = GrpcChannel.ForAddress(Address);
        Client = new RateLimitService.RateLimitServiceClient(Channel);
    }

    public string Address { get; }

    public GrpcChannel Channel { get; }

    public RateLimitService.RateLimitServiceClient Client { get; }

    public static async Task<EnvoyFace> StartAsync(Action<IServiceCollection> services)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listener => listener.Protocols = HttpProtocols.Http2));
        services(builder.Services);
        var app = builder.Build();
        app.MapTenfoldRateLimitingGrpc();
        await app.StartAsync();
        return new EnvoyFace(app);
    }

    public static RateLimitDescriptor Descriptor(params string[] pairs)
    {
        var descriptor = new RateLimitDescriptor();
        for (var i = 0; i < pairs.Length; i += 2)
            descriptor.Entries.Add(new RateLimitDescriptor.Types.Entry { Key = pairs[i], Value = pairs[i + 1] });
        return descriptor;
    }

    public static Rls.RateLimitRequest Call(string domain, params RateLimitDescriptor[] descriptors) =>
        new() { Domain = domain, Descriptors = { descriptors } };

    public async Task<RateLimitResponse> AskAsync(Rls.RateLimitRequest call) =>
        await Client.ShouldRateLimitAsync(call, cancellationToken: TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}

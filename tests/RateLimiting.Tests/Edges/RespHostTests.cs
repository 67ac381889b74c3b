using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Why;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>The Redis-protocol face in a host, by configuration alone.</summary>
public sealed class RespHostTests
{
    [Fact]
    public async Task A_host_listens_as_configured_counts_what_it_does_and_closes_when_it_stops()
    {
        using var host = Build(("Address", "127.0.0.1:0"), ("Password", "s3cret"), ("Users:bob", "builder"));
        await host.StartAsync(TestContext.Current.CancellationToken);
        using var client = await ConnectAsync(host);

        await client.ExpectAsync("PING\r\n", "-NOAUTH Authentication required.\r\n");
        await client.ExpectAsync("AUTH bob wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        await client.ExpectAsync("AUTH bob builder\r\n", "+OK\r\n");
        await client.ExpectAsync("CL.THROTTLE k 0 1 60 0\r\n", "*5\r\n:0\r\n:1\r\n:1\r\n:-1\r\n:0\r\n");
        await client.ExpectAsync("CL.THROTTLE k 0 1 60\r\n", "*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:60\r\n");
        await client.SendAsync("CL.THROTTLE k 0 1 60\r\n");
        await client.ReadAsync(20);

        var measured = Measure(host);
        Assert.Equal(1, measured["tenfold.rate_limiter.resp.connections"]);
        Assert.Equal(2, measured["tenfold.rate_limiter.resp.decisions admitted"]);
        Assert.Equal(1, measured["tenfold.rate_limiter.resp.decisions rejected"]);
        Assert.Equal(2, measured["tenfold.rate_limiter.decisions admitted"]);
        Assert.Equal(1, measured["tenfold.rate_limiter.decisions rejected"]);
        Assert.Equal(1, measured["tenfold.rate_limiter.resp.refusals login"]);
        Assert.Equal(0, measured["tenfold.rate_limiter.resp.refusals protocol"]);

        await host.StopAsync(TestContext.Current.CancellationToken);
        await client.ReadToEndAsync();
        await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(host));
    }

    [Fact]
    public async Task An_engine_that_throttling_clients_find_away_degrades_the_hosts_health()
    {
        using var host = Build(new RespTestStore(TimeProvider.System) { Unavailable = true }, ("Address", "127.0.0.1:0"));
        await host.StartAsync(TestContext.Current.CancellationToken);
        var health = host.Services.GetRequiredService<EngineHealth>();
        Assert.False(health.Look().Unavailable);
        using var client = await ConnectAsync(host);

        await client.ExpectAsync("CL.THROTTLE k 0 1 60\r\n", "-UNAVAILABLE the limiter's engine cannot be reached; try again\r\n");

        await Eventually.HoldsAsync(() => health.Look().Unavailable, "the engine to be seen as away");
        Assert.Equal(1, host.Services.GetRequiredService<DecisionObserver>().Unavailable);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Faults_in_the_configuration_stop_the_start_with_their_path_and_value()
    {
        using var host = Build(("Address", "0.0.0.0:0"), ("MaxConnections", "0"), ("MaxRequestBytes", "12"));

        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(TestContext.Current.CancellationToken));

        Assert.Contains("Tenfold:RateLimiting:Resp:Address = 0.0.0.0:0: reachable from other machines without a password", fault.Message, StringComparison.Ordinal);
        Assert.Contains("Tenfold:RateLimiting:Resp:MaxConnections = 0: must be 1-100000", fault.Message, StringComparison.Ordinal);
        Assert.Contains("Tenfold:RateLimiting:Resp:MaxRequestBytes = 12: must be 1024-16777216", fault.Message, StringComparison.Ordinal);
    }

    private static IHost Build(params (string Name, string Value)[] options) => Build(null, options);

    private static IHost Build(ILimitStore? store, params (string Name, string Value)[] options)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (store is not null)
            builder.Services.AddSingleton(store);
        builder.Configuration.AddInMemoryCollection(
            options.Select(option => KeyValuePair.Create($"Tenfold:RateLimiting:Resp:{option.Name}", (string?)option.Value)));
        builder.Services.AddTenfoldRateLimiting().AddTenfoldRateLimitingResp();
        return builder.Build();
    }

    private static async Task<RawClient> ConnectAsync(IHost host)
    {
        var endPoint = host.Services.GetRequiredService<RespListener>().EndPoint ?? throw new SocketException((int)SocketError.ConnectionRefused);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endPoint);
        return new RawClient(socket);
    }

    private static Dictionary<string, long> Measure(IHost host)
    {
        var meters = host.Services.GetRequiredService<IMeterFactory>();
        var measured = new Dictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == meters && (instrument.Name.StartsWith("tenfold.rate_limiter.resp.", StringComparison.Ordinal) || instrument.Name == "tenfold.rate_limiter.decisions"))
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            measured[tags.IsEmpty ? instrument.Name : $"{instrument.Name} {tags[0].Value}"] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return measured;
    }
}

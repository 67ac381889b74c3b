using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Tenfold.Testing;

namespace Tenfold.Server.Tests;

/// <summary>The server ends in order: what is in flight finishes within its limit, streams end, and the data directory is let go.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task What_is_in_flight_finishes()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await RunningHost.StartAsync(
            app => app.MapGet("/api/work", async () =>
            {
                entered.SetResult();
                await finish.Task;
                return "done";
            }),
            ("Server:DrainLimit", "1h"));
        var work = host.SendAsync(HttpMethod.Get, "/api/work");
        await entered.Task;
        var stopped = host.App.StopAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<HttpRequestException>(() => Eventually.HoldsAsync(
            async () =>
            {
                (await host.SendAsync(HttpMethod.Get, "/health/live")).Dispose();
                return false;
            },
            "the listener closes"));
        Assert.False(stopped.IsCompleted);
        finish.SetResult();
        using var answer = await work;
        Assert.Equal("done", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        await stopped;
    }

    [Fact]
    public async Task What_outlasts_the_limit_is_cut()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await RunningHost.StartAsync(
            app => app.MapGet("/api/work", async (HttpContext context) =>
            {
                entered.SetResult();
                var cut = new TaskCompletionSource();
                await using var registration = context.RequestAborted.Register(cut.SetResult);
                await cut.Task;
            }),
            ("Server:DrainLimit", "300ms"));
        var work = host.SendAsync(HttpMethod.Get, "/api/work");
        await entered.Task;
        await host.App.StopAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => work);
    }

    [Theory]
    [InlineData("/api/live")]
    [InlineData("/api/rate-limiter/live")]
    public async Task A_live_stream_ends_in_order(string path)
    {
        await using var host = await RunningHost.StartAsync(("Server:DrainLimit", "1h"), ("Server:RequestTimeout", "100ms"));
        await using var stream = await host.Http.GetStreamAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        // Two events lie a second apart: the request timeout of a tenth did not cut them.
        for (var events = 0; events < 2;)
        {
            if ((await reader.ReadLineAsync(TestContext.Current.CancellationToken))!.StartsWith("data:", StringComparison.Ordinal))
                events++;
        }

        await host.App.StopAsync(TestContext.Current.CancellationToken);
        // The end of the stream, not a broken connection.
        await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_request_over_its_time_is_504()
    {
        await using var host = await RunningHost.StartAsync(
            app => app.MapGet("/api/slow", async (HttpContext context) =>
            {
                var late = new TaskCompletionSource();
                await using var registration = context.RequestAborted.Register(late.SetCanceled);
                await late.Task;
            }),
            ("Server:RequestTimeout", "200ms"));
        using var answer = await host.SendAsync(HttpMethod.Get, "/api/slow");
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task An_unexpected_fault_tells_nothing_of_the_inside()
    {
        await using var host = await RunningHost.StartAsync(app => app.MapGet("/api/fault", string () => throw new InvalidOperationException("inside matters")));
        using var answer = await host.SendAsync(HttpMethod.Get, "/api/fault");
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.DoesNotContain("inside", text, StringComparison.Ordinal);
        Assert.DoesNotContain("InvalidOperation", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_data_directory_serves_one_server_and_is_let_go_at_the_end()
    {
        using var directory = new TemporaryDirectory();
        var settings = RunningHost.Settings(directory.Path);
        await using (var first = TenfoldHost.Build(settings))
        {
            await first.StartAsync(TestContext.Current.CancellationToken);
            await using var second = TenfoldHost.Build(settings);
            var e = await Assert.ThrowsAsync<TenfoldException>(() => second.StartAsync(TestContext.Current.CancellationToken));
            Assert.Contains("--data", e.Message, StringComparison.Ordinal);
            await first.StopAsync(TestContext.Current.CancellationToken);
        }

        await using var third = TenfoldHost.Build(settings);
        await third.StartAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task The_certificate_of_the_path_is_served()
    {
        using var directory = new TemporaryDirectory();
        var path = Path.Combine(directory.Path, "server.pfx");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=tenfold", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllBytesAsync(path, certificate.Export(X509ContentType.Pfx, "pass"), TestContext.Current.CancellationToken);

        await using var host = await RunningHost.StartAsync(("Server:Tls:CertificatePath", path), ("Server:Tls:Password", "pass"));
        Assert.StartsWith("https://", host.Addresses.Http, StringComparison.Ordinal);
        // Trusts this one certificate, for its name, and nothing else.
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(X509CertificateLoader.LoadCertificate(certificate.RawData));
        using var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = trust } };
        using var client = new HttpClient(handler);
        using var answer = await client.GetAsync(new Uri(host.Addresses.Http + "/health/live"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}

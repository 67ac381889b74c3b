using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>An application on a free port of Kestrel, limited by Tenfold and configured by JSON as users write it.</summary>
internal sealed class HttpApp : IAsyncDisposable
{
    private HttpApp(WebApplication app)
    {
        App = app;
        Client = new HttpClient { BaseAddress = Address };
    }

    public WebApplication App { get; }

    public HttpClient Client { get; }

    public Uri Address => new(App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public T Get<T>()
        where T : notnull => App.Services.GetRequiredService<T>();

    public static async Task<HttpApp> StartAsync(
        string rateLimiting = "{}", Action<WebApplication>? map = null, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var json = $$"""{ "Tenfold": { "RateLimiting": {{rateLimiting}} } }""";
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
        services?.Invoke(builder.Services);
        builder.Services.AddTenfoldRateLimiting(builder.Configuration);
        var app = builder.Build();
        app.UseRouting();
        app.UseTenfoldRateLimiting();
        app.MapTenfoldRateLimiting();
        app.MapGet("/hello", () => "hello");
        map?.Invoke(app);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new HttpApp(app);
    }

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return document.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
    }
}

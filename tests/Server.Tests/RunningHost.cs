using System.Net.Http.Headers;
using System.Text.Json;
using Tenfold.Server.Listening;
using Tenfold.Testing;

namespace Tenfold.Server.Tests;

/// <summary>The real host on free loopback ports, with its data in a temporary folder and no environment.</summary>
internal sealed class RunningHost : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;

    private RunningHost(TemporaryDirectory directory, WebApplication app)
    {
        (_directory, App) = (directory, app);
        Http = new HttpClient { BaseAddress = new Uri(Addresses.Http) };
    }

    public WebApplication App { get; }

    public HttpClient Http { get; }

    public BoundAddresses Addresses => App.Services.GetRequiredService<BoundAddresses>();

    public string DataDirectory => Path.Combine(_directory.Path, "data");

    public static HostSettings Settings(string workingDirectory, params (string Path, string? Value)[] settings)
    {
        var all = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["Tenfold:Server:Http"] = "127.0.0.1:0",
            ["Tenfold:Server:Grpc"] = "127.0.0.1:0",
            ["Tenfold:RateLimiting:Resp:Address"] = "127.0.0.1:0",
            ["Tenfold:Server:DataDirectory"] = "data",
            ["Logging:LogLevel:Default"] = "None",
        };
        foreach (var (path, value) in settings)
            all["Tenfold:" + path] = value;
        return new HostSettings { WorkingDirectory = workingDirectory, CommandLine = all, Environment = new Dictionary<string, string?>(StringComparer.Ordinal) };
    }

    public static Task<RunningHost> StartAsync(params (string Path, string? Value)[] settings) => StartAsync(_ => { }, settings);

    /// <summary>Starts the host with endpoints of the test's own beside its own.</summary>
    public static async Task<RunningHost> StartAsync(Action<WebApplication> map, params (string Path, string? Value)[] settings)
    {
        var directory = new TemporaryDirectory();
        var app = TenfoldHost.Build(Settings(directory.Path, settings));
        map(app);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new RunningHost(directory, app);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, path);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        return await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
    }

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? bearer = null, HttpContent? content = null, string? host = null, string? origin = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (host is not null)
            request.Headers.Host = host;
        if (origin is not null)
            request.Headers.Add("Origin", origin);
        return await Http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        _directory.Dispose();
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tenfold.Server.Lifetime;

namespace Tenfold.Cli.CommandLine;

/// <summary>Asks a running server over its public HTTP API, and turns every failure into a line with the remedy.</summary>
internal sealed class ServerClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly string[] ProblemFields = ["title", "detail"];

    private readonly HttpClient _http;

    private ServerClient(Uri address, string? key)
    {
        _http = new HttpClient { BaseAddress = address, Timeout = Patience };
        if (!string.IsNullOrEmpty(key))
            _http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {key}");
    }

    public string Address => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    /// <summary>Finds the server: the one named, else the one over the data directory, else the default address.</summary>
    public static ServerClient For(string? server, string? key, string dataDirectory)
    {
        var text = server ?? RunningServer.FindAddress(Path.GetFullPath(dataDirectory)) ?? "http://127.0.0.1:7070";
        if (!text.Contains("://", StringComparison.Ordinal))
            text = $"http://{text}";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new CommandFailure(ExitCode.Usage, $"--server {server}: must be an address, as http://127.0.0.1:7070");
        return new ServerClient(address, key ?? Environment.GetEnvironmentVariable("TENFOLD_API_KEY"));
    }

    /// <summary>Whether a Tenfold server answers, whatever it answers.</summary>
    public async Task<bool> IsThereAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/health/live", UriKind.Relative), cancellationToken);
            return true;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    public Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);

    public Task<JsonElement> PostAsync(string path, object body, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) }, cancellationToken);

    /// <summary>The data of each event of a stream, as it comes.</summary>
    public async IAsyncEnumerable<JsonElement> ListenAsync(string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        using var answer = await AskAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var item in System.Net.ServerSentEvents.SseParser.Create(stream, (_, data) => JsonSerializer.Deserialize<JsonElement>(data)).EnumerateAsync(cancellationToken))
            yield return item.Data;
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        {
            using var answer = await AskAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
            return await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> AskAsync(HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new CommandFailure(ExitCode.Failed, $"no Tenfold server answers at {Address} ({(e.InnerException ?? e).Message}).\nStart one with 'tenfold up', or name it with --server.", e);
        }
        catch (TaskCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailure(ExitCode.Failed, $"{Address} took more than {Patience.TotalSeconds:0} seconds to answer.", e);
        }

        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw await RefusalAsync(answer, cancellationToken);
    }

    private async Task<CommandFailure> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var detail = "";
        if (answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            // The title says what is wrong, the detail why.
            detail = string.Join(". ", ProblemFields.Select(name => problem.TryGetProperty(name, out var told) ? told.GetString() : null).Where(text => !string.IsNullOrEmpty(text)));
        }

        return answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => new CommandFailure(ExitCode.Failed, $"{Address} wants to know who you are: give a key with --key or in TENFOLD_API_KEY."),
            _ => new CommandFailure(ExitCode.Failed, $"{Address} answered {(int)answer.StatusCode}: {detail}"),
        };
    }
}

using System.Text.Json;
using Tenfold.Server.Listening;

namespace Tenfold.Server.Lifetime;

/// <summary>
/// Leaves in the data directory where the server listens (<c>server.json</c>), so that commands beside it find it without being told.
/// A killed server leaves its file behind: readers must ask the address.
/// </summary>
public sealed class RunningServer(DataDirectory data, BoundAddresses addresses, TimeProvider time) : IHostedLifecycleService
{
    private const string FileName = "server.json";

    /// <summary>When this server was built.</summary>
    public DateTimeOffset StartedAt { get; } = time.GetUtcNow();

    /// <summary>The HTTP address that the last server over this directory left, or null.</summary>
    public static string? FindAddress(string dataDirectory)
    {
        try
        {
            using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(dataDirectory, FileName)));
            return file.RootElement.GetProperty("http").GetString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(new { pid = Environment.ProcessId, http = addresses.Http, startedAt = StartedAt });
        var temporary = Path.Combine(data.Path, FileName + ".new");
        await File.WriteAllBytesAsync(temporary, content, cancellationToken);
        File.Move(temporary, Path.Combine(data.Path, FileName), overwrite: true);
    }

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        File.Delete(Path.Combine(data.Path, FileName));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

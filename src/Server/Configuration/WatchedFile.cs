using System.Text.Json;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.FileProviders.Physical;
using Microsoft.Extensions.Primitives;

namespace Tenfold.Server.Configuration;

/// <summary>
/// The configuration file, read again when it changes. A file that vanished or is faulty changes nothing: the last good values stand,
/// and <see cref="Rejected"/> says why. (.NET's own JSON provider would empty the configuration, and with it drop every limit.)
/// </summary>
internal sealed class WatchedFile(string path) : ConfigurationProvider, IConfigurationSource, IDisposable
{
    // Editors write in several steps, and some replace the file: look once it is quiet.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(150);

    private readonly Lock _gate = new();
    private PhysicalFileProvider? _directory;
    private IDisposable? _watch;
    private ITimer? _timer;

    /// <summary>Told the faults of a new version of the file that was not taken.</summary>
    public Action<IReadOnlyList<string>>? Rejected { get; set; }

    /// <summary>Told that a new version was taken.</summary>
    public Action? Accepted { get; set; }

    public string FilePath => path;

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    public override void Load()
    {
        Data = Read(path);
        // Loading again (a builder may) must not watch twice.
        if (_directory is not null)
            return;
        _directory = new PhysicalFileProvider(Path.GetDirectoryName(path)!, ExclusionFilters.None);
        _timer = TimeProvider.System.CreateTimer(_ => Reload(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _watch = ChangeToken.OnChange(
            () => _directory.Watch(Path.GetFileName(path)),
            () => _timer.Change(Quiet, Timeout.InfiniteTimeSpan));
    }

    public void Dispose()
    {
        _watch?.Dispose();
        _timer?.Dispose();
        _directory?.Dispose();
    }

    public override string ToString() => Path.GetFileName(path);

    private void Reload()
    {
        lock (_gate)
        {
            try
            {
                var data = Read(path);
                var shape = ShapeCheck.Of(new ConfigurationBuilder().AddInMemoryCollection(data).Build());
                if (shape.Faults.Count > 0)
                {
                    Rejected?.Invoke(shape.Faults);
                    return;
                }

                Data = data;
            }
            // This runs on a timer: whatever is wrong with the file, it must not end the process.
            catch (Exception e)
            {
                Rejected?.Invoke([e.Message]);
                return;
            }
        }

        OnReload();
        Accepted?.Invoke();
    }

    private static Dictionary<string, string?> Read(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var parsed = (ConfigurationRoot)new ConfigurationBuilder().AddJsonStream(stream).Build();
            return parsed.AsEnumerable().ToDictionary(StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or JsonException)
        {
            throw new ConfigurationFaultsException([$"{path}: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}"], e);
        }
    }
}

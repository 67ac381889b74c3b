using Microsoft.Extensions.Options;

namespace Tenfold.Server.Lifetime;

/// <summary>The directory of everything durable, held by one server at a time.</summary>
/// <remarks>The hold is a lock of the operating system on a file, so it ends with the process however that ends.</remarks>
public sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    /// <summary>Creates the directory where needed, and takes it.</summary>
    /// <exception cref="TenfoldException">Another server holds it, or it cannot be written.</exception>
    public DataDirectory(IOptions<ServerOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Path = System.IO.Path.GetFullPath(options.Value.DataDirectory);
        try
        {
            Directory.CreateDirectory(Path);
            _lock = new FileStream(System.IO.Path.Combine(Path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var why = Directory.Exists(Path) && e is IOException
                ? "is held by another Tenfold server: stop that one, or choose another directory with --data"
                : $"cannot be used ({e.Message}): choose another with --data";
            throw new TenfoldException($"The data directory {Path} {why}.", e);
        }
    }

    /// <summary>The directory's absolute path.</summary>
    public string Path { get; }

    /// <summary>Lets go of the directory.</summary>
    public void Dispose() => _lock.Dispose();
}

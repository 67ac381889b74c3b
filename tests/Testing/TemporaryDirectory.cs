namespace Tenfold.Testing;

/// <summary>A new directory that vanishes with its contents.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    /// <summary>Creates it under the system's temporary directory.</summary>
    public TemporaryDirectory() => Path = Directory.CreateTempSubdirectory("tenfold-").FullName;

    /// <summary>Its full path.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // A process that is still ending may write its last file: the system's own cleaning takes the rest.
        }
    }
}

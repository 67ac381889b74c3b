using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

// Not Tenfold.Server.Console: in all of Tenfold.Server it would hide System.Console.
namespace Microsoft.AspNetCore.Builder;

/// <summary>The console's files as the build embedded them, each also compressed once, by their path below the mount point.</summary>
/// <remarks>Immutable and thread-safe. About 250 KB of memory.</remarks>
internal sealed class ConsoleBundle
{
    private const string ResourcePrefix = "console/";

    private readonly FrozenDictionary<string, ConsoleFile> _files;

    private ConsoleBundle(FrozenDictionary<string, ConsoleFile> files) => _files = files;

    /// <summary>Reads the embedded bundle for a console whose API is at <paramref name="apiRoot"/>, relative to its pages.</summary>
    /// <exception cref="InvalidOperationException">The assembly was built without the bundle.</exception>
    public static ConsoleBundle Load(string apiRoot)
    {
        var assembly = typeof(ConsoleBundle).Assembly;
        var files = new Dictionary<string, ConsoleFile>(StringComparer.Ordinal);
        foreach (var name in assembly.GetManifestResourceNames())
        {
            if (!name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
                continue;
            using var stream = assembly.GetManifestResourceStream(name)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var path = name[ResourcePrefix.Length..].Replace('\\', '/');
            if (path == "index.html")
                content = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(content).Replace("{{api}}", apiRoot, StringComparison.Ordinal));
            files.Add(path, ConsoleFile.Create(path, content));
        }

        return files.ContainsKey("index.html")
            ? new ConsoleBundle(files.ToFrozenDictionary(StringComparer.Ordinal))
            : throw new InvalidOperationException("The web console is not in this build: run 'npm ci && npm run build' in src/Server/Console/web, then build again.");
    }

    /// <summary>The file at a path such as <c>assets/console-ABC.js</c>, or null.</summary>
    public ConsoleFile? Find(string path) => _files.GetValueOrDefault(path);
}

/// <summary>One file of the console.</summary>
internal sealed record ConsoleFile(string ContentType, byte[] Content, byte[] Gzip, string ETag, bool Immutable)
{
    public static ConsoleFile Create(string path, byte[] content) => new(
        Path.GetExtension(path) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            _ => "application/octet-stream",
        },
        content,
        Compress(content),
        // Weak: the plain and the compressed form are the same page, not the same bytes.
        $"W/\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 12))}\"",
        // Assets carry a hash of their content in their name, so that what a name means never changes.
        path.StartsWith("assets/", StringComparison.Ordinal));

    private static byte[] Compress(byte[] content)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.SmallestSize))
            gzip.Write(content);
        return buffer.ToArray();
    }
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tenfold.RateLimiting.Engines;

/// <summary>Makes names of files last: a file that was made or renamed is only sure to be found after a power failure once its directory is on the disk.</summary>
internal static partial class DirectoryOnDisk
{
    private const int ReadOnly = 0;

    /// <summary>Writes a directory's entries to the disk (POSIX <c>fsync</c> of the directory). On Windows nothing is to be done: NTFS journals names.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public static void Flush(string directory)
    {
        if (OperatingSystem.IsWindows())
            return;

        // .NET opens no directories.
        using var handle = Open(directory, ReadOnly);
        if (handle.IsInvalid || FlushToDisk(handle) != 0)
            throw new IOException($"The directory {directory} cannot be written to the disk: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FlushToDisk(SafeFileHandle file);
}

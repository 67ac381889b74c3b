using System.Runtime.CompilerServices;

namespace Tenfold.EndToEnd.Tests;

/// <summary>Where the console's sources lie in this checkout, with the packages that <c>npm ci</c> puts there.</summary>
internal static class ConsoleSources
{
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(ThisFolder(), "../../src/Server/Console/web"));

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}

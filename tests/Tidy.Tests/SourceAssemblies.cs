using System.Reflection;

namespace Tenfold.Tidy.Tests;

/// <summary>The assemblies under src, by the projects that the solution builds.</summary>
internal static class SourceAssemblies
{
    public static IReadOnlyList<Assembly> All { get; } =
    [
        .. Directory.EnumerateFiles(AppContext.BaseDirectory, "Tenfold.*.dll").Order(StringComparer.Ordinal)
            .Where(path => !Path.GetFileName(path).Contains(".Tests", StringComparison.Ordinal))
            .Select(Assembly.LoadFrom),
    ];
}

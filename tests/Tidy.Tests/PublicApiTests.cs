using PublicApiGenerator;

namespace Tenfold.Tidy.Tests;

/// <summary>The public API is frozen by one readable file an assembly: a change to it is seen in review.</summary>
public sealed class PublicApiTests
{
    /// <summary>The packages that others compile against; the server, the lab and the command are used from outside.</summary>
    public static TheoryData<string> Libraries { get; } =
        [.. SourceAssemblies.All.Select(assembly => assembly.GetName().Name!).Where(name => name is not ("Tenfold.Server" or "Tenfold.Lab" or "Tenfold.Planner"))];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void The_public_api_is_the_frozen_one(string library)
    {
        var assembly = SourceAssemblies.All.Single(a => a.GetName().Name == library);
        var now = assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false, UseDenyNamespacePrefixesForExtensionMethods = false })
            .ReplaceLineEndings("\n").TrimEnd() + "\n";
        var file = Checkout.Full($"tests/Tidy.Tests/PublicApi/{library}.txt");
        if (Environment.GetEnvironmentVariable("TENFOLD_ACCEPT_API") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, now);
        }

        var frozen = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        Assert.True(now == frozen, $"The public API of {library} is not the frozen one. When the change is meant, run: TENFOLD_ACCEPT_API=1 ./test Tidy\n{FirstDifference(frozen, now)}");
    }

    private static string FirstDifference(string frozen, string now)
    {
        var (was, @is) = (frozen.Split('\n'), now.Split('\n'));
        var at = Enumerable.Range(0, Math.Min(was.Length, @is.Length)).FirstOrDefault(i => was[i] != @is[i], Math.Min(was.Length, @is.Length));
        return $"line {at + 1}\n  frozen: {was.ElementAtOrDefault(at)}\n  now:    {@is.ElementAtOrDefault(at)}";
    }
}

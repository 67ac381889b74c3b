using System.Xml.Linq;

namespace Tenfold.Tidy.Tests;

/// <summary>Arrows point one way: Cli -> Server -> systems -> Core; Lab and Planner see systems, no system sees them.</summary>
public sealed class ArrowTests
{
    private static readonly string[] Platform = ["Core", "Lab", "Planner", "Server", "Cli"];

    /// <summary>What a system may use of other systems: their public API, these three only.</summary>
    private static readonly string[] Shared = ["Log", "Caching", "RateLimiting"];

    [Fact]
    public void Projects_refer_only_where_arrows_go()
    {
        var wrong = new List<string>();
        foreach (var project in Checkout.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            var from = NameOf(project);
            foreach (var reference in XDocument.Load(Checkout.Full(project)).Descendants("ProjectReference"))
            {
                var to = NameOf(reference.Attribute("Include")!.Value);
                if (!Allowed(from, to))
                    wrong.Add($"{from} -> {to}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void No_type_bears_the_name_of_a_system()
    {
        var systems = Checkout.Files
            .Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal))
            .Select(NameOf).ToHashSet(StringComparer.Ordinal);
        systems.UnionWith(
        [
            "Notifications", "Sharding", "Caching", "Location", "Writes", "Autoscaling", "RateLimiting", "FlashSale", "Search", "GeoStore",
            "Log", "Pipeline", "Recommendations", "Builds", "Analytics",
        ]);
        var types = SourceAssemblies.All.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.Namespace?.StartsWith("Tenfold", StringComparison.Ordinal) == true && !type.IsNested && systems.Contains(type.Name))
            .Select(type => type.FullName);
        Assert.Empty(types);
    }

    private static bool Allowed(string from, string to) => from switch
    {
        "Core" => false,
        "Planner" => to == "Core" || !Platform.Contains(to),
        // The lab proves the planner's scaling law against real nodes.
        "Lab" => to is "Core" or "Planner" || !Platform.Contains(to),
        "Server" => to is "Core" or "Planner" or "Lab" || !Platform.Contains(to),
        "Cli" => true,
        _ => to == "Core" || Shared.Contains(to),
    };

    private static string NameOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.StartsWith("Tenfold.", StringComparison.Ordinal) ? name["Tenfold.".Length..] : name;
    }
}

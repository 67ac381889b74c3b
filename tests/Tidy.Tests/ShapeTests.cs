using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tenfold.Tidy.Tests;

/// <summary>Whoever knows one room knows them all: shape, spelling, and no clutter.</summary>
public sealed partial class ShapeTests
{
    private static readonly string[] Platform = ["Core", "Lab", "Planner", "Server", "Cli"];

    private static readonly string[] AtTheRoot =
    [
        ".ci", ".config", ".editorconfig", ".gitattributes", ".gitignore", ".npmrc", "bench", "deploy", "docs", "samples", "src", "tests", "Directory.Build.props",
        "Directory.Packages.props", "LICENSE", "README.md", "Tenfold.slnx", "global.json", "tenfold", "test",
    ];

    public static TheoryData<string> Systems { get; } =
    [
        .. Checkout.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal))
            .Select(file => file.Split('/')[1]).Where(folder => !Platform.Contains(folder)).Distinct(),
    ];

    [Fact]
    public void Nothing_lies_about_at_the_root() =>
        Assert.Empty(Checkout.Files.Select(file => file.Split('/')[0]).Distinct().Except(AtTheRoot));

    [Fact]
    public void Folders_are_concepts_not_kinds() =>
        // A capacity model is a concept of its own, not a kind of class.
        Assert.Empty(Checkout.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && !file.StartsWith("src/Planner/Models/", StringComparison.Ordinal) && KindFolder().IsMatch(file)));

    [Theory]
    [MemberData(nameof(Systems))]
    public void Every_system_has_the_same_shape(string system)
    {
        string[] expected =
        [
            "README.md", $"Tenfold.{system}.csproj", $"{system}Options.cs", $"{system}OptionsValidator.cs", $"{system}ServiceCollectionExtensions.cs",
            $"{system}Endpoints.cs", $"{system}Metrics.cs", $"{system}Log.cs", $"{system}HealthCheck.cs",
        ];
        Assert.Empty(expected.Where(file => !Checkout.Files.Contains($"src/{system}/{file}")));
    }

    [Fact]
    public void A_namespace_is_its_folder()
    {
        var wrong = new List<string>();
        foreach (var file in Checkout.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal)))
        {
            var match = Namespace().Match(Checkout.Read(file));
            if (!match.Success || match.Groups[1].Value.StartsWith("Microsoft.", StringComparison.Ordinal))
                continue; // top-level statements; extension methods live where they are looked for
            var folders = Path.GetDirectoryName(file)!.Split('/')[1..];
            if (folders[0] == "Core")
                folders = folders[1..];
            var expected = string.Join('.', folders.Prepend("Tenfold"));
            if (match.Groups[1].Value != expected)
                wrong.Add($"{file}: {match.Groups[1].Value}, expected {expected}");
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Versions_stand_in_one_place_and_each_package_has_its_reason()
    {
        var inProjects = Checkout.Files.Where(file => file.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(file => XDocument.Load(Checkout.Full(file)).Descendants("PackageReference").Any(p => p.Attribute("Version") is not null));
        Assert.Empty(inProjects);

        var reasons = Checkout.Read("docs/adr/dependencies.md");
        var packages = XDocument.Load(Checkout.Full("Directory.Packages.props")).Descendants("PackageVersion").Select(p => p.Attribute("Include")!.Value);
        Assert.Empty(packages.Where(package => !reasons.Contains($"`{package}`", StringComparison.Ordinal)));
    }

    [Fact]
    public void Lock_files_name_no_registry() => Assert.Empty(
        Checkout.Files.Where(file => file.EndsWith("package-lock.json", StringComparison.Ordinal)).Where(file => Checkout.Read(file).Contains("\"resolved\": \"http", StringComparison.Ordinal)));

    [Fact]
    public void Tests_wait_for_conditions_not_for_clocks() => Assert.Empty(
        Checkout.Files.Where(file => file.StartsWith("tests/", StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal))
            .Where(file => !file.StartsWith("tests/Testing/", StringComparison.Ordinal) && !file.StartsWith("tests/Tidy.Tests/", StringComparison.Ordinal))
            .SelectMany(file => Checkout.Read(file).Split('\n').Where(line => Sleep().IsMatch(line)).Select(line => $"{file}: {line.Trim()}")));

    [Fact]
    public void Nothing_is_left_for_later_and_no_test_is_skipped() => Assert.Empty(
        Checkout.Files.Where(file => file.EndsWith(".cs", StringComparison.Ordinal) && !file.StartsWith("tests/Tidy.Tests/", StringComparison.Ordinal))
            .SelectMany(file => Checkout.Read(file).Split('\n').Where(line => Unfinished().IsMatch(line)).Select(line => $"{file}: {line.Trim()}")));

    [GeneratedRegex(@"/(Helpers?|Utils?|Utilities|Models|Services|Managers|Interfaces|Common|Misc)/", RegexOptions.ExplicitCapture)]
    private static partial Regex KindFolder();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"Thread\.Sleep\(|Task\.Delay\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b|Skip = """, RegexOptions.ExplicitCapture)]
    private static partial Regex Unfinished();
}

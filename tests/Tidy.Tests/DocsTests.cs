using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Tenfold.Tidy.Tests;

/// <summary>Pages share headings, their links lead somewhere, and their C# compiles.</summary>
public sealed partial class DocsTests
{
    private static readonly string[] Headings =
    [
        "Promise", "Use", "How it works", "Options", "Engines", "Limits", "Metrics", "Measured", "Failure modes", "Runbook", "Anti-patterns",
    ];

    public static TheoryData<string> Pages { get; } = [.. Checkout.Files.Where(file => file.EndsWith(".md", StringComparison.Ordinal))];

    public static TheoryData<string> SystemPages { get; } =
        [.. Checkout.Files.Where(file => file.StartsWith("docs/systems/", StringComparison.Ordinal) && file.EndsWith(".md", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(SystemPages))]
    public void A_systems_page_has_the_shared_headings(string page)
    {
        var headings = Heading().Matches(Checkout.Read(page)).Select(match => match.Groups[1].Value.Trim());
        Assert.Equal(Headings, headings);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_to_files_lead_to_files(string page)
    {
        var folder = Path.GetDirectoryName(Checkout.Full(page))!;
        var broken = Link().Matches(Checkout.Read(page)).Select(match => match.Groups[1].Value.Split('#')[0])
            .Where(link => link.Length > 0 && !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(link => !Path.Exists(Path.Combine(folder, link)));
        Assert.Empty(broken);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Snippets_compile(string page)
    {
        var faults = new List<string>();
        foreach (Match snippet in Snippet().Matches(Checkout.Read(page)))
            faults.AddRange(Compile(snippet.Groups[1].Value).Select(fault => $"{fault}\n{snippet.Groups[1].Value}"));
        Assert.Empty(faults);
    }

    private static IEnumerable<string> Compile(string code)
    {
        // A snippet is a part of a program: what a web application's Program.cs has around it is given.
        var program = """
            global using System; global using System.Collections.Generic; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;
            global using Microsoft.AspNetCore.Builder; global using Microsoft.AspNetCore.Http; global using Microsoft.Extensions.DependencyInjection;
            global using Microsoft.Extensions.Hosting; global using Tenfold; global using Tenfold.RateLimiting;
            """;
        var body = code.Contains("WebApplication.CreateBuilder", StringComparison.Ordinal)
            ? code
            : UsingLines().Replace(code, "") is var rest && TypeDeclaration().IsMatch(rest)
                ? code
                : string.Concat(UsingLines().Matches(code).Select(line => line.Value)) + Around(rest);
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path));
        var options = new CSharpCompilationOptions(OutputKind.ConsoleApplication);
        if (TypeDeclaration().IsMatch(body) && !body.Contains("var ", StringComparison.Ordinal))
            options = options.WithOutputKind(OutputKind.DynamicallyLinkedLibrary);
        var compilation = CSharpCompilation.Create("Snippet", [CSharpSyntaxTree.ParseText(program), CSharpSyntaxTree.ParseText(body)], references, options);
        return compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString());
    }

    private static string Around(string code)
    {
        var builder = code.Contains("builder.", StringComparison.Ordinal) && !code.Contains("builder =", StringComparison.Ordinal)
            ? "var builder = WebApplication.CreateBuilder();\n" : "";
        var app = code.Contains("app.", StringComparison.Ordinal) && !code.Contains("app =", StringComparison.Ordinal)
            ? "var app = builder.Build();\n" : "";
        if (app.Length > 0 && builder.Length == 0 && !code.Contains("builder", StringComparison.Ordinal))
            builder = "var builder = WebApplication.CreateBuilder();\n";

        // The application is built once its services are there: before the snippet's first use of it.
        var at = app.Length == 0 ? 0 : code.Split('\n').TakeWhile(line => !line.TrimStart().StartsWith("app.", StringComparison.Ordinal)).Sum(line => line.Length + 1);
        return builder + code.Insert(Math.Min(at, code.Length), app);
    }

    [GeneratedRegex(@"^## (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^```csharp\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Snippet();

    [GeneratedRegex(@"^using [\w.]+;\n", RegexOptions.Multiline)]
    private static partial Regex UsingLines();

    [GeneratedRegex(@"^(public |internal |sealed |static )*(class|record|interface|struct) ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex TypeDeclaration();
}

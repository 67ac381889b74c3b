using System.Text.Json;
using Tenfold.Server.Configuration;
using Tenfold.Testing;

namespace Tenfold.Server.Tests;

/// <summary>File, environment and command line, each over the one before; a change of the file is taken as a whole or not at all.</summary>
public sealed class ReloadTests
{
    [Fact]
    public async Task The_command_line_overrules_the_environment_and_that_the_file()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(Path.Combine(directory.Path, "tenfold.json"), """
            { // comments are allowed
              "Tenfold": { "Server": { "MaxConnections": 11, "RequestTimeout": "11s", "DrainLimit": "11s" } } }
            """, TestContext.Current.CancellationToken);
        await using var app = TenfoldHost.Build(new HostSettings
        {
            WorkingDirectory = directory.Path,
            Environment = new Dictionary<string, string?>(StringComparer.Ordinal) { ["TENFOLD__SERVER__REQUESTTIMEOUT"] = "22s", ["TENFOLD__SERVER__DRAINLIMIT"] = "22s", ["PATH"] = "/bin" },
            CommandLine = new Dictionary<string, string?>(StringComparer.Ordinal) { ["Tenfold:Server:DrainLimit"] = "33s" },
        });
        var settings = ConfigurationReport.Of(app.Services.GetRequiredService<TenfoldConfiguration>().Root).ToDictionary(s => s.Path, StringComparer.Ordinal);
        Assert.Equal(("11", "tenfold.json"), Value("MaxConnections"));
        Assert.Equal(("22s", "environment"), Value("RequestTimeout"));
        Assert.Equal(("33s", "command line"), Value("DrainLimit"));
        Assert.Equal(("1048576", "default"), Value("MaxRequestBytes"));

        (string?, string) Value(string name) => (settings["Tenfold:Server:" + name].Value, settings["Tenfold:Server:" + name].Source);
    }

    [Fact]
    public void A_misspelled_variable_of_the_environment_is_a_fault()
    {
        using var directory = new TemporaryDirectory();
        var e = Assert.Throws<ConfigurationFaultsException>(() => TenfoldHost.Build(new HostSettings
        {
            WorkingDirectory = directory.Path,
            Environment = new Dictionary<string, string?>(StringComparer.Ordinal) { ["TENFOLD__SERVER__HTPP"] = "127.0.0.1:1", ["TENFOLD_API_KEY"] = "x" },
        }));
        Assert.Equal("TENFOLD:SERVER:HTPP = 127.0.0.1:1: is no setting; did you mean 'Http'?", Assert.Single(e.Faults), ignoreCase: true);
    }

    [Fact]
    public async Task A_faulty_change_of_the_file_is_not_taken_and_a_sound_one_is()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "tenfold.json");
        await WriteAsync(Content(3));
        await using var app = TenfoldHost.Build(new HostSettings { WorkingDirectory = directory.Path, Environment = new Dictionary<string, string?>(StringComparer.Ordinal) });
        var configuration = app.Services.GetRequiredService<TenfoldConfiguration>();
        var rejected = new List<string>();
        configuration.File!.Rejected = faults =>
        {
            lock (rejected)
                rejected.AddRange(faults);
        };

        await WriteAsync("{ broken");
        await Eventually.HoldsAsync(() => Seen("LineNumber"), "the broken file is noticed");
        Assert.Equal("3", configuration.Root["Tenfold:Server:MaxConnections"]);

        await WriteAsync(Content(4).Replace("MaxConnections", "MaxConections", StringComparison.Ordinal));
        await Eventually.HoldsAsync(() => Seen("MaxConections = 4: is no setting; did you mean 'MaxConnections'?"), "the misspelled file is noticed");
        Assert.Equal("3", configuration.Root["Tenfold:Server:MaxConnections"]);

        File.Delete(file);
        await Eventually.HoldsAsync(() => Seen("Could not find"), "the missing file is noticed");
        Assert.Equal("3", configuration.Root["Tenfold:Server:MaxConnections"]);

        await WriteAsync(Content(5));
        await Eventually.HoldsAsync(() => configuration.Root["Tenfold:Server:MaxConnections"] == "5", "the sound file is taken");

        static string Content(int connections) => $$"""{ "Tenfold": { "Server": { "MaxConnections": {{connections}} } } }""";

        Task WriteAsync(string content) => File.WriteAllTextAsync(file, content, TestContext.Current.CancellationToken);

        bool Seen(string text)
        {
            lock (rejected)
                return rejected.Exists(r => r.Contains(text, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Every_setting_is_explained() =>
        Assert.Empty(OptionsCatalog.Defaults().Where(d => SettingText.Of(d.Property).Length < 10).Select(d => d.Path));

    [Fact]
    public void The_schema_knows_every_setting_with_its_meaning()
    {
        var schema = JsonSerializer.SerializeToElement(ConfigurationSchema.Create());
        var sections = schema.GetProperty("properties").GetProperty("Tenfold");
        foreach (var (path, _, _) in OptionsCatalog.Defaults())
        {
            var at = sections;
            foreach (var word in path.Split(':')[1..])
                Assert.True(at.GetProperty("properties").TryGetProperty(word, out at), $"{path} is not in the schema");
            Assert.True(at.TryGetProperty("type", out _), path);
            Assert.True(at.TryGetProperty("description", out _), $"{path} has no description");
        }
    }
}

using Tenfold.Testing;

namespace Tenfold.EndToEnd.Tests;

/// <summary><c>tenfold config</c>: faults are told all at once, and what the command writes, it accepts.</summary>
public sealed class CliConfigTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Check_lists_every_fault_with_its_path_and_value_and_up_refuses_the_same()
    {
        var file = await WriteAsync(
            """
            { "Tenfold": {
                "Server": { "Http": "nowhere", "Nosuch": 1 },
                "RateLimiting": { "Engine": "foo:", "Rules": [{ "Name": "a", "Limits": [{ "Algorithm": "token-bukket", "Permits": -3, "Period": "1x" }] }] } } }
            """);
        string[] faults =
        [
            "Tenfold:Server:Http = nowhere",
            "Tenfold:Server:Nosuch = 1",
            "Tenfold:RateLimiting:Engine = foo:",
            "Tenfold:RateLimiting:Rules:0:Limits:0:Algorithm = token-bukket",
            "Tenfold:RateLimiting:Rules:0:Limits:0:Permits = -3",
            "Tenfold:RateLimiting:Rules:0:Limits:0:Period = 1x",
        ];
        var check = (await RunAsync("config", "check", "--config", file)).Ended(2);
        Assert.All(faults, fault => Assert.Contains(fault, check.Output, StringComparison.Ordinal));
        var json = (await RunAsync("config", "check", "--config", file, "--json")).Ended(2).Json();
        Assert.Equal(faults.Length, json.GetProperty("faults").GetArrayLength());
        var up = (await RunAsync("up", "--config", file, "--data", "data")).Ended(2);
        Assert.All(faults, fault => Assert.Contains(fault, up.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--json")]
    public async Task Defaults_writes_what_check_accepts(string option)
    {
        var defaults = (await RunAsync(["config", "defaults", .. option.Length > 0 ? [option] : Array.Empty<string>()])).Ended(0);
        Assert.Contains("\"RateLimiting\"", defaults.Output, StringComparison.Ordinal);
        var check = (await RunAsync("config", "check", "--config", await WriteAsync(defaults.Output))).Ended(0);
        Assert.Contains("no fault", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_in_an_engine_address_that_cannot_be_read_is_not_shown()
    {
        var check = (await RunAsync("config", "check", "--set", "RateLimiting:Engine=redis:hunter2@host")).Ended(2);
        Assert.Contains("Tenfold:RateLimiting:Engine = redis:…", check.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named()
    {
        var check = (await RunAsync("config", "check", "--config", "none.json")).Ended(2);
        Assert.Contains("none.json", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_tells_who_set_a_value()
    {
        var explain = (await RunAsync("config", "explain", "DrainLimit", "--set", "Server:DrainLimit=3s")).Ended(0);
        Assert.Matches(@"Tenfold:Server:DrainLimit = 3s +\[(?!default).+\]", explain.Output);
    }

    private async Task<string> WriteAsync(string text)
    {
        var file = Path.Combine(_directory.Path, "given.json");
        await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
        return file;
    }

    private Task<CliResult> RunAsync(params string[] arguments) => CliProgram.RunAsync(_directory.Path, arguments);
}

using Tenfold.Server.Configuration;
using Tenfold.Testing;

namespace Tenfold.Server.Tests;

public sealed class ConfigurationTests
{
    [Fact]
    public void Every_fault_is_told_at_once_with_path_value_and_remedy()
    {
        var faults = Faults(
            ("Server:MaxRequestBytes", "12"),
            ("Server:RequestTimeout", "soon"),
            ("Server:Htp", "127.0.0.1:1"),
            ("Server:Without:0", "rate-limitr"),
            ("Server:LogFormat", "xml"),
            ("RateLimiting:Engine", "postgres://db"),
            ("RateLimiting:Rules:0:Name", "r"),
            ("RateLimiting:Rules:0:Limits:0:Permits", "-1"),
            ("RateLimiting:Rules:0:Limits:0:Period", "1x"),
            ("RateLimitng:Engine", "embedded:"));
        string[] expected =
        [
            "Tenfold:Server:MaxRequestBytes = 12: must be 1024",
            "Tenfold:Server:RequestTimeout = soon: must be a duration",
            "Tenfold:Server:Htp = 127.0.0.1:1: is no setting",
            "Tenfold:Server:Without:0 = rate-limitr",
            "Tenfold:Server:LogFormat = xml",
            "Tenfold:RateLimiting:Engine = postgres://",
            "Tenfold:RateLimiting:Rules:0:Limits:0:Permits = -1",
            "Tenfold:RateLimiting:Rules:0:Limits:0:Period = 1x",
            "Tenfold:RateLimitng",
        ];
        Assert.All(expected, e => Assert.Contains(faults, f => f.StartsWith(e, StringComparison.Ordinal)));
        Assert.Contains(faults, f => f.Contains("Htp", StringComparison.Ordinal) && f.Contains("Http", StringComparison.Ordinal));
        Assert.Contains(faults, f => f.Contains("RateLimitng", StringComparison.Ordinal) && f.Contains("RateLimiting", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0.0.0.0:7070")]
    [InlineData("[::]:7070")]
    [InlineData("192.0.2.1:7070")]
    public void Beyond_loopback_is_refused_until_callers_say_who_they_are(string address)
    {
        Assert.Contains(Faults(("Server:Http", address)), f => f.Contains("tenfold config key", StringComparison.Ordinal));
        Assert.DoesNotContain(
            Faults(
                ("Server:Http", address), ("Server:ApiKeys:0:Name", "a"), ("Server:ApiKeys:0:Sha256", new string('a', 64)), ("Server:ApiKeys:0:Scopes:0", "read"), ("Server:MaxConnections", "0")),
            f => f.Contains("Tenfold:Server:Http", StringComparison.Ordinal));
    }

    [Fact]
    public void A_fault_never_shows_a_secret()
    {
        var faults = Faults(("Server:Jwt:Key", "hunter2"), ("RateLimiting:Engine", "redis://me:hunter2@"), ("Server:ApiKeys:0:Sha256", "hunter2"));
        Assert.NotEmpty(faults);
        Assert.DoesNotContain(faults, f => f.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public void The_file_of_defaults_changes_nothing_and_has_no_fault()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(directory.Path, "tenfold.json"), DefaultConfiguration.Write());
        using var app = (IDisposable)TenfoldHost.Build(RunningHost.Settings(directory.Path));
    }

    private static IReadOnlyList<string> Faults(params (string, string?)[] settings)
    {
        using var directory = new TemporaryDirectory();
        return Assert.Throws<ConfigurationFaultsException>(() => TenfoldHost.Build(RunningHost.Settings(directory.Path, settings))).Faults;
    }
}

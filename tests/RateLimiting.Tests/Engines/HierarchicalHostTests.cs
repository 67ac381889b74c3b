using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Tests.Edges;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>The hierarchical engine as people switch it on: by its address in the configuration of an application.</summary>
public sealed class HierarchicalHostTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_with_a_local_silo_decides_over_HTTP()
    {
        await using var app = await HttpApp.StartAsync(Configuration("orleans://local/", "one", "5", "1d"));
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 8; i++)
        {
            using var answer = await app.GetAsync("/hello");
            answers.Add(answer.StatusCode);
        }

        Assert.Equal([.. Enumerable.Repeat(HttpStatusCode.OK, 5), .. Enumerable.Repeat(HttpStatusCode.TooManyRequests, 3)], answers);
        await app.App.StopAsync(Cancel);
    }

    [Fact]
    public async Task Two_hosts_that_share_a_Redis_are_one_cluster_and_keep_one_limit()
    {
        await using var redis = await RedisServer.StartAsync();
        var address = $"orleans://redis/127.0.0.1:{redis.Port}";
        await using var one = await HttpApp.StartAsync(Configuration(address, "one", "100", "1s"));
        await using var two = await HttpApp.StartAsync(Configuration(address, "two", "100", "1s"));
        foreach (var app in new[] { one, two })
        {
            var management = app.Get<IGrainFactory>().GetGrain<IManagementGrain>(0);
            await Eventually.HoldsAsync(async () => (await management.GetHosts(onlyActive: true)).Count == 2, "two silos in the cluster");
        }

        var admitted = new int[2];
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(AskAsync(one, 0), AskAsync(two, 1));
        var most = 100 + (100 * clock.Elapsed.TotalSeconds);
        Assert.All(admitted, count => Assert.True(count > 100, $"each host admits its part: {string.Join(' ', admitted)}"));
        Assert.True(admitted.Sum() <= most, $"admitted {admitted.Sum()}, the limit allows {most}");
        await two.App.StopAsync(Cancel);
        await one.App.StopAsync(Cancel);

        async Task AskAsync(HttpApp app, int host)
        {
            while (admitted.Min() <= 100 && clock.Elapsed < Eventually.Deadline)
            {
                using var answer = await app.GetAsync("/hello");
                admitted[host] += answer.StatusCode == HttpStatusCode.OK ? 1 : 0;
            }
        }
    }

    [Theory]
    [InlineData("embedded:")]
    [InlineData("redis://127.0.0.1:6379")]
    public void Another_engine_brings_no_silo(string engine)
    {
        var services = Services(("Engine", engine));
        Assert.DoesNotContain(services, s => s.ServiceType.Namespace?.StartsWith("Orleans", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("redis://me:secret@", "there is no host")]
    [InlineData("redis://me:secret", "no port")]
    [InlineData("redis://me:secret/0", "no port")]
    [InlineData("rediss://me:secret@host/zero", "no database number")]
    [InlineData("orleans://redis/me:secret@", "there is no host")]
    [InlineData("orleans://redis/", "names no cluster")]
    [InlineData("orleans://elsewhere:secret", "names no cluster")]
    public void A_malformed_address_is_a_fault_that_keeps_the_secret(string engine, string says)
    {
        var fault = Assert.Single(Faults(Services(("Engine", engine))));
        Assert.StartsWith("Tenfold:RateLimiting:Engine", fault, StringComparison.Ordinal);
        Assert.Contains(says, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Faults_of_the_hierarchy_and_limits_that_it_refuses_are_listed()
    {
        var faults = Faults(Services(
            ("Engine", "orleans://redis/127.0.0.1:6379"),
            ("Hierarchy:Buckets", "0"),
            ("Hierarchy:SiloAddress", "0.0.0.0"),
            ("Rules:0:Name", "at-once"),
            ("Rules:0:Limits:0:Algorithm", "concurrency"),
            ("Rules:0:Limits:0:Permits", "3")));
        Assert.Collection(
            faults.Order(StringComparer.Ordinal),
            fault => Assert.StartsWith("Tenfold:RateLimiting:Hierarchy:Buckets = 0:", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("Tenfold:RateLimiting:Hierarchy:SiloAddress = '0.0.0.0':", fault, StringComparison.Ordinal),
            fault => Assert.StartsWith("Tenfold:RateLimiting:Rules: rule 'at-once': 'at-once' limits concurrency", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void An_engine_that_only_options_name_is_a_fault_that_says_what_to_call()
    {
        var services = new ServiceCollection().AddTenfoldRateLimiting(options => options.Engine = "orleans://local/");
        Assert.Contains("AddTenfoldRateLimiting(builder.Configuration)", Assert.Single(Faults(services)), StringComparison.Ordinal);
    }

    private static string Configuration(string engine, string node, string permits, string period) => $$"""
        {
          "Engine": "{{engine}}",
          "Hierarchy": { "NodeName": "{{node}}", "CallTimeout": "3s", "Lease": "5s" },
          "Rules": [ { "Name": "all", "Match": { "path": "/hello" }, "WhenUnavailable": "closed", "Limits": [ { "Permits": {{permits}}, "Period": "{{period}}" } ] } ]
        }
        """;

    private static IServiceCollection Services(params (string Path, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(s => $"Tenfold:RateLimiting:{s.Path}", s => (string?)s.Value)).Build();
        return new ServiceCollection().AddTenfoldRateLimiting(configuration);
    }

    private static string[] Faults(IServiceCollection services)
    {
        using var provider = services.BuildServiceProvider();
        var invalid = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<RateLimitingOptions>>().Value);
        return [.. invalid.Failures];
    }
}

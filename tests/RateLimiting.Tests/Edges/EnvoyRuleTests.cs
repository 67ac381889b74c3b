using System.Text.Json;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Type.V3;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static Envoy.Service.Ratelimit.V3.RateLimitResponse.Types;
using static Tenfold.RateLimiting.Tests.Edges.EnvoyFace;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>Envoy's calls decided by configured rules on the embedded engine.</summary>
public sealed class EnvoyRuleTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_user_is_over_the_limit_after_its_permits_and_under_it_again_later()
    {
        await using var face = await StartAsync();
        var call = Call("edge", Descriptor("user", "bob"));

        for (var left = 2; left >= 0; left--)
        {
            var answer = await face.AskAsync(call);
            Assert.Equal(Code.Ok, answer.OverallCode);
            Assert.Equal(((uint)left, 3u, RateLimit.Types.Unit.Hour), Limit(answer.Statuses[0]));
        }

        var over = await face.AskAsync(call);
        Assert.Equal(Code.OverLimit, over.OverallCode);
        Assert.Equal(Code.OverLimit, over.Statuses[0].Code);
        Assert.InRange(RetryAfter(over), 1200, 1300);
        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("user", "joe")))).OverallCode);

        _time.Advance(TimeSpan.FromMinutes(20));
        Assert.Equal(Code.Ok, (await face.AskAsync(call)).OverallCode);
    }

    [Fact]
    public async Task A_call_that_is_denied_for_one_descriptor_charges_no_other()
    {
        await using var face = await StartAsync();
        await Exhaust(face, "bob");

        for (var i = 0; i < 5; i++)
        {
            var answer = await face.AskAsync(Call("edge", Descriptor("user", "fresh"), Descriptor("user", "bob")));
            Assert.Equal(Code.OverLimit, answer.OverallCode);
            Assert.Equal([Code.Ok, Code.OverLimit], answer.Statuses.Select(status => status.Code));
        }

        Assert.Equal(2u, (await face.AskAsync(Call("edge", Descriptor("user", "fresh")))).Statuses[0].LimitRemaining);
    }

    [Fact]
    public async Task Hits_addend_takes_as_many_units()
    {
        await using var face = await StartAsync();
        var call = Call("edge", Descriptor("user", "bob"));
        call.HitsAddend = 2;

        Assert.Equal(1u, (await face.AskAsync(call)).Statuses[0].LimitRemaining);
        Assert.Equal(Code.OverLimit, (await face.AskAsync(call)).OverallCode);
        call.HitsAddend = 0;
        Assert.Equal(0u, (await face.AskAsync(call)).Statuses[0].LimitRemaining);
    }

    [Fact]
    public async Task An_unknown_domain_and_a_descriptor_without_a_rule_are_ok()
    {
        await using var face = await StartAsync();
        await Exhaust(face, "bob");

        Assert.Equal(Code.Ok, (await face.AskAsync(Call("other", Descriptor("user", "bob")))).OverallCode);
        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("planet", "mars")))).OverallCode);
    }

    [Fact]
    public async Task A_rule_in_dry_run_lets_pass()
    {
        await using var face = await StartAsync();

        for (var i = 0; i < 5; i++)
            Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("shadow", "x")))).OverallCode);
    }

    [Fact]
    public async Task The_descriptors_own_limit_counts_in_place_of_the_rules()
    {
        await using var face = await StartAsync();
        await Exhaust(face, "bob");
        var own = Descriptor("user", "bob");
        own.Limit = new() { RequestsPerUnit = 2, Unit = RateLimitUnit.Minute };

        var first = await face.AskAsync(Call("edge", own));
        Assert.Equal((1u, 2u, RateLimit.Types.Unit.Minute), Limit(first.Statuses[0]));
        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", own))).OverallCode);
        Assert.Equal(Code.OverLimit, (await face.AskAsync(Call("edge", own))).OverallCode);
        var other = new RateLimitDescriptor(own);
        other.Entries[0].Value = "joe";
        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", other))).OverallCode);
    }

    [Fact]
    public async Task A_limit_of_zero_denies_the_call_and_charges_nobody()
    {
        await using var face = await StartAsync();
        var none = Descriptor("user", "eve");
        none.Limit = new() { RequestsPerUnit = 0, Unit = RateLimitUnit.Day };

        var answer = await face.AskAsync(Call("edge", Descriptor("user", "bob"), none));

        Assert.Equal(Code.OverLimit, answer.OverallCode);
        Assert.Equal([Code.Ok, Code.OverLimit], answer.Statuses.Select(status => status.Code));
        Assert.Equal(0u, answer.Statuses[1].CurrentLimit.RequestsPerUnit);
        Assert.Equal(2u, (await face.AskAsync(Call("edge", Descriptor("user", "bob")))).Statuses[0].LimitRemaining);
    }

    [Fact]
    public async Task More_limits_than_can_be_decided_together_are_refused_with_why()
    {
        await using var face = await StartAsync();

        var fault = await Assert.ThrowsAsync<RpcException>(() =>
            face.AskAsync(Call("edge", [.. Enumerable.Range(0, 60).Select(i => Descriptor("user", $"u{i}"))])));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains("32", fault.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_js_asks_with_our_definition()
    {
        await using var face = await StartAsync();

        using var output = JsonDocument.Parse(await RespTools.RunNodeAsync(
            "grpc-should-rate-limit.mjs", new Uri(face.Address).Authority, Path.Combine(RespTools.Root(), "src", "RateLimiting", "Protos")));
        var root = output.RootElement;

        Assert.Equal(["OK", "OK", "OK", "OVER_LIMIT"], root.GetProperty("answers").EnumerateArray().Select(Overall));
        Assert.Contains(
            root.GetProperty("answers")[3].GetProperty("response_headers_to_add").EnumerateArray(),
            header => header.GetProperty("key").GetString() == "Retry-After");
        Assert.Equal("OVER_LIMIT", Overall(root.GetProperty("together")));
        Assert.Equal(6, root.GetProperty("override").GetProperty("statuses")[0].GetProperty("limit_remaining").GetInt32());
        Assert.Equal("OK", Overall(root.GetProperty("unknown")));
        Assert.Equal((int)StatusCode.InvalidArgument, root.GetProperty("wrong").GetProperty("code").GetInt32());

        static string? Overall(JsonElement answer) => answer.GetProperty("overall_code").GetString();
    }

    private static async Task Exhaust(EnvoyFace face, string user)
    {
        for (var i = 0; i < 3; i++)
            Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("user", user)))).OverallCode);
    }

    private static (uint Left, uint Permits, RateLimit.Types.Unit Unit) Limit(DescriptorStatus status) =>
        (status.LimitRemaining, status.CurrentLimit.RequestsPerUnit, status.CurrentLimit.Unit);

    private static int RetryAfter(Envoy.Service.Ratelimit.V3.RateLimitResponse answer) =>
        int.Parse(answer.ResponseHeadersToAdd.Single(header => header.Key == "Retry-After").Value, System.Globalization.CultureInfo.InvariantCulture);

    private static RuleOptions Rule(string name, string key, long permits, bool dryRun = false) => new()
    {
        Name = name,
        Match = { ["domain"] = "edge" },
        Key = { key },
        Limits = { new LimitOptions { Permits = permits, Period = "1h" } },
        DryRun = dryRun,
    };

    private Task<EnvoyFace> StartAsync() => EnvoyFace.StartAsync(services => services
        .AddSingleton<TimeProvider>(_time)
        .AddTenfoldRateLimiting(options =>
        {
            options.Rules.Add(Rule("per-user", "user", 3));
            options.Rules.Add(Rule("per-shadow", "shadow", 1, dryRun: true));
        })
        .AddTenfoldRateLimitingGrpc());
}

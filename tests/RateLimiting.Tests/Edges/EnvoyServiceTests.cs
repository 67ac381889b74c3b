using System.Text;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Type.V3;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using Microsoft.Extensions.DependencyInjection;
using static Envoy.Service.Ratelimit.V3.RateLimitResponse.Types;
using static Tenfold.RateLimiting.Tests.Edges.EnvoyFace;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>What a call means and what an answer says, apart from any rule.</summary>
public sealed class EnvoyServiceTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly EnvoyTestLimiter _limiter = new();

    [Fact]
    public async Task A_descriptors_entries_and_the_domain_are_the_requests_attributes()
    {
        await using var face = await StartAsync();

        await face.AskAsync(Call(
            "edge",
            Descriptor("user", "bob", "generic_key", "a", "generic_key", "b", "Generic_Key", "c", "domain", "mine")));

        var attributes = Assert.Single(_limiter.Asked).Request.Attributes;
        Assert.Equal(
            [("domain", "edge"), ("user", "bob"), ("generic_key", "a"), ("generic_key#2", "b"), ("Generic_Key#3", "c"), ("domain#2", "mine")],
            attributes.Select(pair => (pair.Key, pair.Value)));
        Assert.Equal("bob", attributes["USER"]);
        Assert.False(attributes.ContainsKey("path"));
    }

    [Theory]
    [InlineData(0, null, 1)]
    [InlineData(7, null, 7)]
    [InlineData(7, 3L, 3)]
    [InlineData(7, 0L, 0)]
    [InlineData(uint.MaxValue, null, uint.MaxValue)]
    public async Task Hits_addend_is_the_cost_and_nothing_means_one(uint request, long? descriptor, long cost)
    {
        await using var face = await StartAsync();
        var call = Call("edge", Descriptor("user", "bob"));
        call.HitsAddend = request;
        call.Descriptors[0].HitsAddend = (ulong?)descriptor;

        await face.AskAsync(call);

        Assert.Equal(cost, Assert.Single(_limiter.Asked).Request.Cost);
    }

    [Fact]
    public async Task A_limit_in_the_descriptor_goes_along_and_one_of_zero_admits_nothing()
    {
        await using var face = await StartAsync();
        var some = Descriptor("user", "bob");
        some.Limit = new() { RequestsPerUnit = 42, Unit = RateLimitUnit.Hour };
        var nothing = Descriptor("user", "eve");
        nothing.Limit = new() { RequestsPerUnit = 0, Unit = RateLimitUnit.Second };

        await face.AskAsync(Call("edge", some, nothing, Descriptor("user", "joe")));

        Assert.Equal((42, TimeSpan.FromHours(1)), (_limiter.Asked[0].InlineLimit!.Permits, _limiter.Asked[0].InlineLimit!.Period));
        Assert.True(_limiter.Asked[1].Request.Cost > _limiter.Asked[1].InlineLimit!.Burst);
        Assert.Null(_limiter.Asked[2].InlineLimit);
    }

    [Fact]
    public async Task A_descriptor_that_no_rule_knows_is_ok()
    {
        await using var face = await StartAsync();

        var answer = await face.AskAsync(Call("nobody-knows", Descriptor("user", "bob")));

        Assert.Equal(Code.Ok, answer.OverallCode);
        Assert.Equal(new DescriptorStatus { Code = Code.Ok }, Assert.Single(answer.Statuses));
        Assert.Empty(answer.ResponseHeadersToAdd);
    }

    [Fact]
    public async Task Each_descriptor_has_its_status_and_one_denied_denies_all()
    {
        await using var face = await StartAsync();
        _limiter.Answer = request => request.Request.Attributes["user"] == "bob"
            ? new("why-42", Admitted: false, TimeSpan.FromSeconds(6.2),
                [
                    EnvoyTestLimiter.Result("loose", 1000, Minute, hasRoom: true, 900),
                    EnvoyTestLimiter.Result("tight", 10, Minute, hasRoom: false, 0, retrySeconds: 6.2, resetSeconds: 60.5),
                ])
            : new("other", Admitted: true, TimeSpan.Zero, [EnvoyTestLimiter.Result("loose", 5, TimeSpan.FromSeconds(10), hasRoom: true, 4, resetSeconds: 2)]);

        var answer = await face.AskAsync(Call("edge", Descriptor("user", "joe"), Descriptor("user", "bob")));

        Assert.Equal(Code.OverLimit, answer.OverallCode);
        Assert.Equal(
            new DescriptorStatus
            {
                Code = Code.Ok,
                CurrentLimit = new() { Name = "loose", RequestsPerUnit = 5, Unit = RateLimit.Types.Unit.Unknown },
                LimitRemaining = 4,
                DurationUntilReset = new() { Seconds = 2 },
            },
            answer.Statuses[0]);
        Assert.Equal(
            new DescriptorStatus
            {
                Code = Code.OverLimit,
                CurrentLimit = new() { Name = "tight", RequestsPerUnit = 10, Unit = RateLimit.Types.Unit.Minute },
                DurationUntilReset = new() { Seconds = 60, Nanos = 500_000_000 },
            },
            answer.Statuses[1]);
        Assert.Equal(
            ["RateLimit-Policy: \"tight\";q=10;w=60", "RateLimit: \"tight\";r=0;t=61", "Retry-After: 7"],
            answer.ResponseHeadersToAdd.Select(header => $"{header.Key}: {header.Value}"));
        Assert.Equal("why-42", answer.DynamicMetadata.Fields["decision"].StringValue);
        Assert.Equal("rule-tight", answer.DynamicMetadata.Fields["rule"].StringValue);
    }

    [Fact]
    public async Task Who_was_refused_together_is_not_told_to_come_back_together()
    {
        await using var face = await StartAsync();
        var told = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 50; i++)
        {
            var decision = new RateLimitDecision(
                $"id-{i}", Admitted: false, TimeSpan.FromMinutes(10), [EnvoyTestLimiter.Result("tight", 10, Minute, hasRoom: false, 10, retrySeconds: 600)]);
            _limiter.Answer = _ => decision;
            var answer = await face.AskAsync(Call("edge", Descriptor("user", "bob")));
            var header = answer.ResponseHeadersToAdd.Single(header => header.Key == "Retry-After").Value;
            Assert.Equal(Tenfold.RateLimiting.Edges.RetryAfter.Seconds(decision)!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture), header);
            told.Add(header);
        }

        Assert.InRange(told.Count, 10, 50);
    }

    [Fact]
    public async Task A_cost_that_can_never_pass_has_no_retry_after()
    {
        await using var face = await StartAsync();
        _limiter.Answer = _ => new(
            "id", Admitted: false, Timeout.InfiniteTimeSpan, [EnvoyTestLimiter.Result("tight", 10, Minute, hasRoom: false, 10, retrySeconds: -1)]);

        var answer = await face.AskAsync(Call("edge", Descriptor("user", "bob")));

        Assert.Equal(Code.OverLimit, answer.OverallCode);
        Assert.DoesNotContain(answer.ResponseHeadersToAdd, header => header.Key == "Retry-After");
    }

    [Fact]
    public async Task A_rule_in_dry_run_is_neither_seen_nor_felt()
    {
        await using var face = await StartAsync();
        _limiter.Answer = _ => new(
            "id", Admitted: true, TimeSpan.Zero, [EnvoyTestLimiter.Result("shadow", 10, Minute, hasRoom: false, 0, retrySeconds: 5, dryRun: true)]);

        var answer = await face.AskAsync(Call("edge", Descriptor("user", "bob")));

        Assert.Equal(Code.Ok, answer.OverallCode);
        Assert.Equal(new DescriptorStatus { Code = Code.Ok }, Assert.Single(answer.Statuses));
    }

    public static TheoryData<string, string> OutOfBounds => new()
    {
        { "domain", "domain must not be empty" },
        { "none", "0 descriptors: must be 1-100" },
        { "many", "10000 descriptors: must be 1-100" },
        { "empty", "descriptors[0] has 0 entries: must have 1-63" },
        { "entries", "descriptors[0] has 64 entries: must have 1-63" },
        { "key", "descriptors[0] has an entry without a key" },
        { "long", "descriptors[0] has an entry of over 8192 characters" },
        { "unit", "descriptors[0] has a limit with unit 0" },
        { "negative", "descriptors[0] has is_negative_hits" },
        { "hits", "descriptors[0] has hits_addend 18446744073709551615" },
    };

    [Theory]
    [MemberData(nameof(OutOfBounds))]
    public async Task A_call_out_of_bounds_is_refused_with_why(string which, string why)
    {
        await using var face = await StartAsync();
        var descriptor = Descriptor("user", "bob");
        var call = which switch
        {
            "domain" => Call("", descriptor),
            "none" => Call("edge"),
            "many" => Call("edge", [.. Enumerable.Repeat(descriptor, 10_000)]),
            "empty" => Call("edge", new RateLimitDescriptor()),
            "entries" => Call("edge", Descriptor([.. Enumerable.Range(0, 128).Select(i => $"k{i}")])),
            "key" => Call("edge", Descriptor("", "x")),
            "long" => Call("edge", Descriptor("user", new string('x', 8193))),
            "unit" => Call("edge", new RateLimitDescriptor(descriptor) { Limit = new() { RequestsPerUnit = 1 } }),
            "negative" => Call("edge", new RateLimitDescriptor(descriptor) { IsNegativeHits = true }),
            _ => Call("edge", new RateLimitDescriptor(descriptor) { HitsAddend = ulong.MaxValue }),
        };

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await face.AskAsync(call));

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains(why, fault.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(_limiter.Asked);
    }

    [Fact]
    public async Task Messages_and_metadata_that_are_too_large_or_no_messages_at_all_end_their_call_and_no_other()
    {
        await using var face = await StartAsync();
        var raw = face.Channel.CreateCallInvoker();

        Assert.Equal(StatusCode.ResourceExhausted, await StatusOfAsync(raw, Call("edge", Descriptor("user", new string('x', 300_000))).ToByteArray()));
        Assert.Equal(StatusCode.InvalidArgument, await StatusOfAsync(raw, Encoding.ASCII.GetBytes("this is no message")));
        Assert.Equal(StatusCode.InvalidArgument, await StatusOfAsync(raw, [.. Enumerable.Repeat((byte)0xFF, 1000)]));
        Assert.NotEqual(StatusCode.OK, await StatusOfAsync(raw, [], new Metadata { { "huge", new string('m', 200_000) } }));
        var notUtf8 = Call("edge", Descriptor("user", "XX")).ToByteArray();
        notUtf8.AsSpan()[^2..].Fill(0xFF);
        Assert.Equal(StatusCode.InvalidArgument, await StatusOfAsync(raw, notUtf8));

        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("user", "bob")))).OverallCode);
    }

    [Fact]
    public async Task Random_bytes_never_end_the_service()
    {
        await using var face = await StartAsync();
        var raw = face.Channel.CreateCallInvoker();
        var random = new Random(20_260_102);
        var honest = Call("edge", Descriptor("user", "bob", "path", "/x"), Descriptor("user", "joe")).ToByteArray();
        for (var round = 0; round < 300; round++)
        {
            byte[] bytes = [.. honest];
            for (var i = random.Next(1, 8); i > 0; i--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            Assert.Contains(
                await StatusOfAsync(raw, bytes[..random.Next(bytes.Length + 1)]), new[] { StatusCode.OK, StatusCode.InvalidArgument });
        }

        Assert.Equal(Code.Ok, (await face.AskAsync(Call("edge", Descriptor("user", "bob")))).OverallCode);
    }

    [Fact]
    public async Task Health_and_reflection_are_served()
    {
        await using var face = await StartAsync();

        var health = await new Health.HealthClient(face.Channel).CheckAsync(
            new HealthCheckRequest(), cancellationToken: TestContext.Current.CancellationToken);
        using var reflection = new ServerReflection.ServerReflectionClient(face.Channel).ServerReflectionInfo(
            cancellationToken: TestContext.Current.CancellationToken);
        await reflection.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" }, TestContext.Current.CancellationToken);
        Assert.True(await reflection.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        await reflection.RequestStream.CompleteAsync();

        Assert.NotEqual(HealthCheckResponse.Types.ServingStatus.NotServing, health.Status);
        Assert.Contains(
            "envoy.service.ratelimit.v3.RateLimitService",
            reflection.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name));
    }

    private static async Task<StatusCode> StatusOfAsync(CallInvoker invoker, byte[] message, Metadata? metadata = null)
    {
        var bytes = Marshallers.Create<byte[]>(value => value, value => value);
        var method = new Method<byte[], byte[]>(
            MethodType.Unary, "envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit", bytes, bytes);
        using var call = invoker.AsyncUnaryCall(method, null, new CallOptions(metadata, DateTime.UtcNow.AddSeconds(30)), message);
        try
        {
            await call.ResponseAsync;
            return StatusCode.OK;
        }
        catch (RpcException fault)
        {
            Assert.NotEqual(StatusCode.DeadlineExceeded, fault.StatusCode);
            return fault.StatusCode;
        }
    }

    private Task<EnvoyFace> StartAsync() => EnvoyFace.StartAsync(services => services
        .AddSingleton<IRateLimiter>(_limiter)
        .AddSingleton<IJointRateLimiter>(_limiter)
        .AddTenfoldRateLimitingGrpc());
}

using Envoy.Service.RateLimitQuota.V3;
using Envoy.Type.V3;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;
using BucketAction = Envoy.Service.RateLimitQuota.V3.RateLimitQuotaResponse.Types.BucketAction;
using Usage = Envoy.Service.RateLimitQuota.V3.RateLimitQuotaUsageReports.Types.BucketQuotaUsage;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>RLQS over real HTTP/2 on loopback, with .NET's own gRPC client.</summary>
public sealed class QuotaServiceTests : IAsyncLifetime
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(10);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private EnvoyFace _face = null!;
    private QuotaDirectory _directory = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _face = await EnvoyFace.StartAsync(services =>
    {
        services.AddSingleton<IRateLimiter>(new QuotaTestLimiter());
        services.AddSingleton<TimeProvider>(_time);
        services.AddSingleton(_directory = new QuotaDirectory());
        services.AddSingleton(new QuotaOptions { TimeToLive = TimeToLive, MaxBuckets = 5, MaxBucketIdLength = 100, MaxStreams = 3 });
        services.AddTenfoldRateLimitingGrpc();
    });

    public ValueTask DisposeAsync() => _face.DisposeAsync();

    [Fact]
    public async Task A_first_report_subscribes_and_gets_the_whole_rate()
    {
        using var client = new Client(_face);
        await client.ReportAsync("limited", 10, 0);
        var action = await client.NextAsync();
        Assert.Equal("limited", action.BucketId.Bucket["name"]);
        Assert.Equal(TimeToLive, action.QuotaAssignmentAction.AssignmentTimeToLive.ToTimeSpan());
        var bucket = action.QuotaAssignmentAction.RateLimitStrategy.TokenBucket;
        Assert.Equal((100u, 100u, 1L), (bucket.MaxTokens, bucket.TokensPerFill!.Value, bucket.FillInterval.Seconds));
    }

    [Fact]
    public async Task A_bucket_without_a_rule_is_not_limited()
    {
        using var client = new Client(_face);
        await client.ReportAsync("free", 10, 0);
        var action = await client.NextAsync();
        Assert.NotNull(action.QuotaAssignmentAction);
        Assert.Null(action.QuotaAssignmentAction.RateLimitStrategy);
    }

    [Fact]
    public async Task Two_proxies_share_fairly_and_shares_follow_demand()
    {
        using var first = new Client(_face);
        using var second = new Client(_face);
        await UntilSharesAsync(first, 500, second, 500, 50, 50);
        await UntilSharesAsync(first, 20, second, 500, 20, 80);
        await UntilSharesAsync(first, 500, second, 30, 70, 30);
    }

    [Fact]
    public async Task A_cut_stream_keeps_its_rate_until_it_expires()
    {
        using var first = new Client(_face);
        using var second = new Client(_face);
        await UntilSharesAsync(first, 500, second, 500, 50, 50);
        first.Dispose();
        await UntilAsync(() => _directory.Streams == 1);

        // The cut proxy may still be admitting: the other gets no more until its assignment has run out.
        for (var round = 0; round < 5; round++)
        {
            await second.ReportAsync("limited", 50, 450);
            Assert.InRange(Rate(await second.NextAsync()), 1, 50.5);
        }

        _time.Advance(TimeToLive);
        await UntilRateAsync(second, 500, 100);
    }

    [Fact]
    public async Task A_bucket_that_is_no_longer_reported_is_abandoned()
    {
        using var client = new Client(_face);
        await client.ReportAsync("limited", 10, 0);
        Assert.NotNull((await client.NextAsync()).QuotaAssignmentAction);
        BucketAction action;
        var waited = 0;
        do
        {
            _time.Advance(TimeToLive);
            action = await client.NextAsync();
            Assert.True(++waited < 20, "abandoned in time");
        }
        while (action.AbandonAction is null);
        Assert.Equal("limited", action.BucketId.Bucket["name"]);

        // The next report subscribes anew.
        await client.ReportAsync("limited", 10, 0);
        Assert.NotNull((await client.NextAsync()).QuotaAssignmentAction);
    }

    [Fact]
    public async Task Nothing_is_kept_of_streams_that_are_gone()
    {
        for (var i = 0; i < 5; i++)
        {
            using var client = new Client(_face);
            await client.ReportAsync("limited", 10, 0);
            await client.NextAsync();
            client.Dispose();
            await UntilAsync(() => _directory.Streams == 0);
        }

        _time.Advance(2 * TimeToLive);
        using var last = new Client(_face);
        await last.ReportAsync("limited", 10, 0);
        await last.NextAsync();
        Assert.Equal(1, _directory.Limits);
    }

    [Theory]
    [InlineData("no domain", "domain is missing")]
    [InlineData("no id", "bucket_id is missing")]
    [InlineData("empty value", "empty name or value")]
    [InlineData("no time", "time_elapsed")]
    [InlineData("negative time", "time_elapsed")]
    [InlineData("long id", "at most 100")]
    public async Task A_malformed_report_ends_the_stream_with_a_reason(string fault, string reason)
    {
        using var client = new Client(_face);
        await client.SendAsync(fault switch
        {
            "no domain" => new RateLimitQuotaUsageReports { BucketQuotaUsages = { Report("limited", 1, 0) } },
            "no id" => Reports(new Usage { TimeElapsed = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) }),
            "empty value" => Reports(Report("", 1, 0)),
            "no time" => Reports(new Usage { BucketId = Id("limited") }),
            "negative time" => Reports(new Usage { BucketId = Id("limited"), TimeElapsed = new Duration { Seconds = -1 } }),
            _ => Reports(Report(new string('x', 200), 1, 0)),
        });
        var ended = await Assert.ThrowsAsync<RpcException>(client.NextAsync);
        Assert.Equal(StatusCode.InvalidArgument, ended.StatusCode);
        Assert.Contains(reason, ended.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_buckets_streams_and_bytes_are_refused_clearly()
    {
        using var client = new Client(_face);
        await client.SendAsync(Reports([.. Enumerable.Range(0, 6).Select(i => Report($"b{i}", 1, 0))]));
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(client.DrainAsync)).StatusCode);

        using var large = new Client(_face);

        // The server refuses before it has read all, so the write itself may be cut: the call's status is what tells.
        await Record.ExceptionAsync(() => large.SendAsync(Reports([.. Enumerable.Range(0, 20_000).Select(i => Report("limited", 1, 0))])));
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(large.DrainAsync)).StatusCode);

        await UntilAsync(() => _directory.Streams == 0);
        var clients = Enumerable.Range(0, 3).Select(_ => new Client(_face)).ToList();
        foreach (var open in clients)
        {
            await open.ReportAsync("limited", 1, 0);
            await open.NextAsync();
        }

        using var tooMany = new Client(_face);
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(tooMany.DrainAsync)).StatusCode);
        clients.ForEach(open => open.Dispose());
    }

    private static BucketId Id(string name) => new() { Bucket = { ["name"] = name } };

    private static Usage Report(string name, ulong allowed, ulong denied) => new()
    {
        BucketId = Id(name),
        TimeElapsed = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)),
        NumRequestsAllowed = allowed,
        NumRequestsDenied = denied,
    };

    private static RateLimitQuotaUsageReports Reports(params Usage[] usages) => new() { Domain = "envoy", BucketQuotaUsages = { usages } };

    private static double Rate(BucketAction action)
    {
        var strategy = action.QuotaAssignmentAction.RateLimitStrategy;
        return strategy.StrategyCase == RateLimitStrategy.StrategyOneofCase.BlanketRule
            ? 0
            : strategy.TokenBucket.TokensPerFill!.Value / strategy.TokenBucket.FillInterval.ToTimeSpan().TotalSeconds;
    }

    // Each reports what it wants, over and over, as a proxy does; every report is answered.
    private static async Task UntilSharesAsync(Client first, ulong firstWants, Client second, ulong secondWants, double firstShare, double secondShare)
    {
        for (var round = 0; round < 20; round++)
        {
            await first.ReportAsync("limited", 0, firstWants);
            await first.NextAsync();
            await second.ReportAsync("limited", 0, secondWants);
            await second.NextAsync();
            if (Math.Abs(first.LastRate - firstShare) <= 1 && Math.Abs(second.LastRate - secondShare) <= 1)
                return;
        }

        Assert.Fail($"shares {first.LastRate} and {second.LastRate}, not {firstShare} and {secondShare}, after 20 rounds");
    }

    private static async Task UntilRateAsync(Client client, ulong wants, double rate)
    {
        for (var round = 0; round < 20 && Math.Abs(client.LastRate - rate) > 1; round++)
        {
            await client.ReportAsync("limited", 0, wants);
            await client.NextAsync();
        }

        Assert.Equal(rate, client.LastRate, 1.0);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private sealed class Client(EnvoyFace face) : IDisposable
    {
        private readonly AsyncDuplexStreamingCall<RateLimitQuotaUsageReports, RateLimitQuotaResponse> _call =
            new RateLimitQuotaService.RateLimitQuotaServiceClient(face.Channel).StreamRateLimitQuotas(cancellationToken: Cancelled);

        private readonly Queue<BucketAction> _pending = new();
        public double LastRate { get; private set; }

        public Task SendAsync(RateLimitQuotaUsageReports reports) => _call.RequestStream.WriteAsync(reports, Cancelled);

        public Task ReportAsync(string name, ulong allowed, ulong denied) => SendAsync(Reports(Report(name, allowed, denied)));

        public async Task<BucketAction> NextAsync()
        {
            while (_pending.Count == 0)
            {
                Assert.True(await _call.ResponseStream.MoveNext(Cancelled).WaitAsync(TimeSpan.FromSeconds(20), Cancelled), "the stream goes on");
                foreach (var action in _call.ResponseStream.Current.BucketAction)
                    _pending.Enqueue(action);
            }

            var next = _pending.Dequeue();
            if (next.QuotaAssignmentAction is { RateLimitStrategy: not null })
                LastRate = Rate(next);
            return next;
        }

        public async Task DrainAsync()
        {
            while (true)
                await NextAsync();
        }

        public void Dispose() => _call.Dispose();
    }

    private sealed class QuotaTestLimiter : IRateLimiter
    {
        private static readonly Limit Hundred = Limit.Create("hundred", LimitAlgorithm.TokenBucket, 100, TimeSpan.FromSeconds(1));

        public ValueTask<RateLimitExplanation> ExplainAsync(RateLimitRequest request, CancellationToken cancellationToken = default)
        {
            Assert.Equal("envoy", request.Attributes["domain"]);
            LimitResult[] limits = request.Attributes["name"] == "free"
                ? []
                : [new LimitResult("rule", Hundred, request.Attributes["name"], 1, new LimitOutcome(true, 100, default, default), false, DecisionSource.Engine)];
            return new(new RateLimitExplanation(new RateLimitDecision("d", true, TimeSpan.Zero, limits), []));
        }

        public ValueTask<RateLimitDecision> AcquireAsync(RateLimitRequest request, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<RateLimitDecision> ReserveAsync(
            string reservationId, RateLimitRequest request, TimeSpan expiresAfter, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}

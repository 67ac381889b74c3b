using System.Globalization;
using Envoy.Service.RateLimitQuota.V3;
using Envoy.Type.V3;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Tenfold.RateLimiting.Leases;
using BucketAction = Envoy.Service.RateLimitQuota.V3.RateLimitQuotaResponse.Types.BucketAction;

namespace Tenfold.RateLimiting.Edges;

/// <summary>One proxy's stream: its buckets, what they are told, and the signal that wakes its writer.</summary>
internal sealed class QuotaStream(QuotaDirectory directory, QuotaOptions options, IRateLimiter limiter, TimeProvider time, long number) : IDisposable
{
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly Dictionary<string, QuotaBucket> _buckets = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private string? _domain;
    private long _made;

    /// <summary>Its buckets.</summary>
    public IReadOnlyList<QuotaBucket> Buckets
    {
        get
        {
            lock (_gate)
                return [.. _buckets.Values];
        }
    }

    /// <summary>Takes in one message.</summary>
    /// <exception cref="RpcException">The message is malformed, or there are too many buckets; the stream ends.</exception>
    public async Task ReadAsync(RateLimitQuotaUsageReports reports, CancellationToken cancellationToken)
    {
        if (_domain is null && reports.Domain.Length == 0)
            throw Invalid("domain is missing: a stream's first report must name it");
        if (_domain is not null && reports.Domain.Length > 0 && reports.Domain != _domain)
            throw Invalid($"domain changed from '{_domain}' to '{reports.Domain}': open another stream for another domain");
        if (reports.Domain.Length > RateLimitRequest.MaxValueLength)
            throw Invalid($"domain has {reports.Domain.Length} characters: at most {RateLimitRequest.MaxValueLength}");
        _domain ??= reports.Domain;
        foreach (var usage in reports.BucketQuotaUsages)
        {
            var name = NameOf(usage);
            var seconds = usage.TimeElapsed.Seconds + (usage.TimeElapsed.Nanos / 1e9);
            var demand = ((double)usage.NumRequestsAllowed + usage.NumRequestsDenied) / seconds;
            var bucket = await FindAsync(name, usage.BucketId, cancellationToken);
            directory.Report(bucket, demand, Now());
        }

        Wake();
    }

    /// <summary>Waits until there may be something to say, and says what there is; null when there is nothing.</summary>
    public async Task<RateLimitQuotaResponse?> NextAsync(CancellationToken cancellationToken)
    {
        var due = TimeSpan.FromTicks(Math.Max(1, options.TimeToLive.Ticks / 2));
        using var timer = time.CreateTimer(static state => ((QuotaStream)state!).Wake(), this, due, Timeout.InfiniteTimeSpan);
        await _signal.WaitAsync(cancellationToken);
        var now = Now();
        var response = new RateLimitQuotaResponse();
        foreach (var bucket in Buckets)
        {
            if (now - bucket.ReportedAt >= options.AbandonAfter.Ticks)
            {
                Abandon(bucket, now);
                response.BucketAction.Add(new BucketAction { BucketId = bucket.Id, AbandonAction = new BucketAction.Types.AbandonAction() });
            }
            else if (directory.TryAssign(bucket, now, options.TimeToLive.Ticks, out var share))
            {
                response.BucketAction.Add(new BucketAction { BucketId = bucket.Id, QuotaAssignmentAction = Assignment(bucket, share) });
            }
        }

        return response.BucketAction.Count == 0 ? null : response;
    }

    /// <summary>Wakes the writer.</summary>
    public void Wake()
    {
        try
        {
            if (_signal.CurrentCount == 0)
                _signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // Two signals at once are one.
        }
        catch (ObjectDisposedException)
        {
            // The stream has just ended.
        }
    }

    public void Dispose()
    {
        directory.Close(this, Now());
        _signal.Dispose();
    }

    private void Abandon(QuotaBucket bucket, long now)
    {
        lock (_gate)
            _buckets.Remove(Canonical(bucket.Id));
        directory.Leave(bucket, now);
    }

    private BucketAction.Types.QuotaAssignmentAction Assignment(QuotaBucket bucket, double? share)
    {
        var action = new BucketAction.Types.QuotaAssignmentAction { AssignmentTimeToLive = Duration.FromTimeSpan(options.TimeToLive) };
        if (share is { } rate)
            action.RateLimitStrategy = Strategy(rate, LimitTerms.Of(bucket.Limit!));
        return action;
    }

    // Rounded down, so that rounding never adds up to more than the limit.
    private static RateLimitStrategy Strategy(double rate, in LimitTerms limit)
    {
        const double Slowest = 1.0 / 86_400;
        if (rate < Slowest)
            return new RateLimitStrategy { BlanketRule = RateLimitStrategy.Types.BlanketRule.DenyAll };
        var perFill = rate >= 10 ? Math.Min(uint.MaxValue, Math.Floor(rate + 1e-6)) : 1;
        var interval = rate >= 10 ? 1 : 1 / rate;
        var burst = Math.Floor((limit.Burst * rate / limit.Rate) + 1e-6);
        return new RateLimitStrategy
        {
            TokenBucket = new TokenBucket
            {
                MaxTokens = (uint)Math.Clamp(Math.Max(burst, perFill), 1, uint.MaxValue),
                TokensPerFill = (uint)perFill,
                FillInterval = Duration.FromTimeSpan(TimeSpan.FromTicks((long)Math.Ceiling(interval * TimeSpan.TicksPerSecond))),
            },
        };
    }

    private async ValueTask<QuotaBucket> FindAsync(string name, BucketId id, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_buckets.TryGetValue(name, out var known))
                return known;
            if (_buckets.Count >= options.MaxBuckets)
            {
                throw new RpcException(new Status(
                    StatusCode.ResourceExhausted, $"more than {options.MaxBuckets} buckets in one stream: use fewer values in the bucket id, or more streams"));
            }
        }

        var (limit, key) = await LimitOfAsync(id, cancellationToken);
        lock (_gate)
        {
            // Only this stream's reader makes buckets, so that none can have come in between.
            var bucket = new QuotaBucket(this, (number << 24) + ++_made, limit, key) { Id = id };
            _buckets.Add(name, bucket);
            return bucket;
        }
    }

    // The rules say which limits a request with these attributes would meet; the tightest of them is what can be assigned.
    private async ValueTask<(Limit? Limit, string Key)> LimitOfAsync(BucketId id, CancellationToken cancellationToken)
    {
        var attributes = new Dictionary<string, string>(id.Bucket, StringComparer.OrdinalIgnoreCase) { ["domain"] = _domain! };
        try
        {
            var explanation = await limiter.ExplainAsync(new RateLimitRequest(attributes), cancellationToken);
            var tightest = explanation.Decision.Limits
                .Where(result => !result.DryRun && result.Limit.Algorithm != LimitAlgorithm.Concurrency)
                .MinBy(result => LimitTerms.Of(result.Limit).Rate);
            return tightest is null ? (null, "") : (tightest.Limit, tightest.Key);
        }
        catch (ArgumentException fault)
        {
            throw Invalid(fault.Message);
        }
    }

    private string NameOf(RateLimitQuotaUsageReports.Types.BucketQuotaUsage usage)
    {
        if (usage.BucketId is null || usage.BucketId.Bucket.Count == 0)
            throw Invalid("bucket_id is missing or empty: a bucket has at least one name and value");
        if (usage.BucketId.Bucket.Count > RateLimitRequest.MaxAttributes - 1)
            throw Invalid($"bucket_id has {usage.BucketId.Bucket.Count} entries: at most {RateLimitRequest.MaxAttributes - 1}");
        long length = 0;
        foreach (var (name, value) in usage.BucketId.Bucket)
        {
            if (name.Length == 0 || value.Length == 0)
                throw Invalid("bucket_id has an empty name or value");
            length += name.Length + value.Length;
        }

        if (length > options.MaxBucketIdLength)
            throw Invalid($"bucket_id has {length} characters: at most {options.MaxBucketIdLength}");
        if (usage.TimeElapsed is not { } elapsed || elapsed.Seconds < 0 || elapsed.Nanos < 0 || (elapsed.Seconds == 0 && elapsed.Nanos == 0))
            throw Invalid("time_elapsed is missing or not more than zero");
        return Canonical(usage.BucketId);
    }

    // The order of names does not matter; lengths keep any two ids apart.
    private static string Canonical(BucketId id) => string.Concat(id.Bucket
        .OrderBy(entry => entry.Key, StringComparer.Ordinal)
        .Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Key.Length}:{entry.Key}{entry.Value.Length}:{entry.Value}")));

    private long Now() => time.GetUtcNow().UtcTicks;

    private static RpcException Invalid(string message) => new(new Status(StatusCode.InvalidArgument, message));
}

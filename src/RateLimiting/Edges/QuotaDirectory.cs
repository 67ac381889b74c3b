using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Edges;

/// <summary>The rates that proxies have been assigned, by limit and key, for all streams of this server.</summary>
/// <remarks>Thread-safe: one lock, held for arithmetic only.</remarks>
internal sealed class QuotaDirectory
{
    // Changes under 2 % are not worth a message.
    private const double WorthTelling = 0.02;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Limit, string Key), Shared> _shared = [];
    private long _streams;

    /// <summary>Streams that are open.</summary>
    public int Streams { get; private set; }

    /// <summary>Limits that are shared out at present.</summary>
    public int Limits
    {
        get
        {
            lock (_gate)
                return _shared.Count;
        }
    }

    /// <summary>Opens a stream; 0 when there are too many.</summary>
    public long Open(int most)
    {
        lock (_gate)
        {
            if (Streams >= most)
                return 0;
            Streams++;
            return ++_streams;
        }
    }

    /// <summary>Closes a stream: what it was assigned is free once it has expired.</summary>
    public void Close(QuotaStream stream, long now)
    {
        lock (_gate)
        {
            Streams--;
            foreach (var bucket in stream.Buckets)
                LeaveLocked(bucket, now);
        }
    }

    /// <summary>Takes in one bucket's report, and wakes the other streams whose shares it moves.</summary>
    public void Report(QuotaBucket bucket, double demand, long now)
    {
        lock (_gate)
        {
            bucket.ReportedAt = now;
            bucket.WaitsForAnswer = true;
            if (bucket.Limit is not { } limit)
                return;
            if (!_shared.TryGetValue((limit.Id, bucket.Key), out var shared))
                _shared.Add((limit.Id, bucket.Key), shared = new Shared(new RateShares(LimitTerms.Of(limit).Rate)));
            shared.Shares.Report(now, bucket.Holder, demand);
            shared.Members[bucket.Holder] = bucket;
            foreach (var member in shared.Members.Values)
            {
                if (!ReferenceEquals(member, bucket) && IsWorthTelling(shared, member, now))
                    member.Stream.Wake();
            }
        }
    }

    /// <summary>What to tell of a bucket now: its rate, null for no limit; false when there is nothing worth telling.</summary>
    public bool TryAssign(QuotaBucket bucket, long now, long timeToLive, out double? share)
    {
        lock (_gate)
        {
            share = null;
            // Every report is answered, so that a proxy's assignment never runs out while it reports.
            var isDue = bucket.WaitsForAnswer || now - bucket.ToldAt >= timeToLive / 2;
            bucket.WaitsForAnswer = false;
            if (bucket.Limit is not { } limit)
            {
                bucket.ToldAt = isDue ? now : bucket.ToldAt;
                return isDue;
            }

            if (!_shared.TryGetValue((limit.Id, bucket.Key), out var shared) || (!isDue && !IsWorthTelling(shared, bucket, now)))
                return false;
            share = shared.Shares.ShareOf(now, bucket.Holder);
            shared.Shares.Tell(bucket.Holder, share.Value, now + timeToLive);
            bucket.ToldAt = now;
            return true;
        }
    }

    /// <summary>The bucket is abandoned.</summary>
    public void Leave(QuotaBucket bucket, long now)
    {
        lock (_gate)
            LeaveLocked(bucket, now);
    }

    private void LeaveLocked(QuotaBucket bucket, long now)
    {
        if (bucket.Limit is not { } limit || !_shared.TryGetValue((limit.Id, bucket.Key), out var shared))
            return;
        shared.Shares.Leave(now, bucket.Holder);
        shared.Members.Remove(bucket.Holder);
        if (shared.Members.Count == 0 && shared.Shares.Count == 0)
            _shared.Remove((limit.Id, bucket.Key));
        foreach (var member in shared.Members.Values)
            member.Stream.Wake();
    }

    private static bool IsWorthTelling(Shared shared, QuotaBucket bucket, long now)
    {
        var told = shared.Shares.AssignedTo(bucket.Holder);
        return Math.Abs(shared.Shares.ShareOf(now, bucket.Holder) - told) > Math.Max(1e-9, told * WorthTelling);
    }

    private sealed record Shared(RateShares Shares)
    {
        public Dictionary<long, QuotaBucket> Members { get; } = [];
    }
}

/// <summary>One bucket of one stream.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Holder">The bucket's number, unique in this process.</param>
/// <param name="Limit">The limit that holds for it; null for none.</param>
/// <param name="Key">Whose use it counts.</param>
internal sealed record QuotaBucket(QuotaStream Stream, long Holder, Limit? Limit, string Key)
{
    /// <summary>When it was last reported.</summary>
    public long ReportedAt { get; set; }

    /// <summary>Whether a report waits for its answer.</summary>
    public bool WaitsForAnswer { get; set; }

    /// <summary>When it was last told of; 0 for never.</summary>
    public long ToldAt { get; set; }

    /// <summary>The id as it came.</summary>
    public required Envoy.Service.RateLimitQuota.V3.BucketId Id { get; init; }
}

namespace Tenfold.RateLimiting.Engines;

/// <summary>The Redis engine: <c>Tenfold:RateLimiting:Redis</c>. Works with Redis 6 and newer, Valkey, and Garnet with Lua switched on.</summary>
public sealed class RedisStoreOptions
{
    /// <summary>
    /// The server: <c>redis://user:password@host:6379/0</c>, <c>rediss://</c> for TLS, several hosts of a cluster separated by commas.
    /// Taken from <c>Tenfold:RateLimiting:Engine</c> by the host.
    /// </summary>
    public string Address { get; set; } = "redis://127.0.0.1:6379";

    /// <summary>
    /// Begins every key, and is the one hash tag of all of them, so that any limits can be decided together on a Redis Cluster too: a
    /// cluster then keeps one limiter's state in one of its shards. Two limiters with two prefixes share nothing. 1 to 64 letters, digits,
    /// <c>-</c>, <c>_</c>, <c>.</c> or <c>:</c>. Default <c>tenfold</c>.
    /// </summary>
    public string KeyPrefix { get; set; } = "tenfold";

    /// <summary>How long a call may take before it counts as failed; its decisions are then unavailable. 5 ms to 10 s. Default 200 ms.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long the first connection may take. 50 ms to 60 s. Default 2 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Failed calls in a row that open the breaker; a lost connection opens it at once. 1 to 100. Default 3.</summary>
    public int FailuresToOpen { get; set; } = 3;

    /// <summary>While the breaker is open, how often the server is probed in the background at first; the pause doubles up to 16 times this. 10 ms to 60 s. Default 100 ms.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The most checks that share one call. 1 to 1,024. Default 128: the server then works less than a millisecond on one.</summary>
    public int MaxBatchChecks { get; set; } = 128;

    /// <summary>The most calls under way at a time. 1 to 64. Default 3: fewer make batches larger, more make a decision wait less.</summary>
    public int MaxCallsInFlight { get; set; } = 3;

    /// <summary>The most decisions waiting for a call; one more is unavailable at once. 1 to 1,000,000. Default 16,384.</summary>
    public int MaxQueuedDecisions { get; set; } = 16_384;

    /// <summary>Leases: hot keys decided in this process.</summary>
    public RedisLeaseOptions Leases { get; } = new();

    /// <summary>
    /// Over-admission exactly zero also where the server loses its memory or its clock steps forward by up to
    /// <see cref="ClockStepTolerance"/>: a key of which nothing is known counts as used up at the time when this database was first seen, and
    /// bursts and windows are drawn in by the tolerance. The price: a new database admits nothing for up to a burst's refill time, and a token
    /// bucket's burst is smaller by what the rate gives in the tolerance. Needs <c>maxmemory-policy noeviction</c>. Default false.
    /// </summary>
    public bool Strict { get; set; }

    /// <summary>The forward step of the server's clock that <see cref="Strict"/> withstands. 0 to 10 s. Default 500 ms.</summary>
    public TimeSpan ClockStepTolerance { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How often a node says what it was asked for and learns its share. 100 ms to 60 s. Default 1 s; a node counts as gone after three.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Part of each limit that is divided evenly among all nodes when the server is gone; the rest follows the traffic. An idle node's part lies
    /// idle, a node without any could not admit a first request. 0 to 1. Default 0.05.
    /// </summary>
    public double EvenShare { get; set; } = 0.05;

    /// <summary>Replaces the server's clock, so that tests run in virtual time and step it.</summary>
    internal TimeProvider? ServerClock { get; set; }

    /// <summary>Loses calls on their way, so that tests cut one node from a living server.</summary>
    internal Func<RedisCallLoss>? Losses { get; set; }

    /// <summary>Says what is wrong, one sentence a fault, each with the option's path, its value and what is allowed.</summary>
    /// <param name="path">The path of these options: <c>Tenfold:RateLimiting:Redis</c>.</param>
    internal IEnumerable<string> Faults(string path)
    {
        if (RedisAddress.Check(Address) is { } fault)
            yield return $"{path}:Address: {fault}";
        if (KeyPrefix.Length is 0 or > 64 || !KeyPrefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':'))
            yield return $"{path}:KeyPrefix = {KeyPrefix}: must be 1-64 letters, digits, '-', '_', '.' or ':'";
        foreach (var (name, value, least, most) in new (string, TimeSpan, double, double)[]
        {
            (nameof(CallTimeout), CallTimeout, 0.005, 10),
            (nameof(ConnectTimeout), ConnectTimeout, 0.05, 60),
            (nameof(ProbeInterval), ProbeInterval, 0.01, 60),
            (nameof(ClockStepTolerance), ClockStepTolerance, 0, 10),
            (nameof(HeartbeatInterval), HeartbeatInterval, 0.1, 60),
            ("Leases:Duration", Leases.Duration, 0.1, 60),
            ("Leases:RenewInterval", Leases.RenewInterval, 0.005, Leases.Duration.TotalSeconds / 2),
        })
        {
            if (value.TotalSeconds < least || value.TotalSeconds > most)
                yield return $"{path}:{name} = {value}: must be {least}-{most} s";
        }

        foreach (var (name, value, most) in new (string, int, int)[]
        {
            (nameof(FailuresToOpen), FailuresToOpen, 100),
            (nameof(MaxBatchChecks), MaxBatchChecks, 1024),
            (nameof(MaxCallsInFlight), MaxCallsInFlight, 64),
            (nameof(MaxQueuedDecisions), MaxQueuedDecisions, 1_000_000),
            ("Leases:MaxKeys", Leases.MaxKeys, 100_000),
            ("Leases:HotDecisionsPerSecond", Leases.HotDecisionsPerSecond, 1_000_000),
        })
        {
            if (value < 1 || value > most)
                yield return $"{path}:{name} = {value}: must be 1-{most}";
        }

        if (EvenShare is not (>= 0 and <= 1))
            yield return $"{path}:EvenShare = {EvenShare}: must be 0-1";
    }
}

/// <summary>What a partition does to a call.</summary>
internal enum RedisCallLoss
{
    /// <summary>It arrives and is answered.</summary>
    None,

    /// <summary>It never arrives.</summary>
    Request,

    /// <summary>It arrives and counts; its answer is lost.</summary>
    Answer,
}

/// <summary>
/// Leases: a hot key's units are held in Redis ahead of time and spent in this process. No unit is spent before Redis holds it, and none is
/// held for two nodes, so the sum over all nodes never passes the limit.
/// </summary>
/// <remarks>
/// What it costs: units that one node holds are not there for another until it returns them (at most a renewal later while it lives,
/// <see cref="Duration"/> and a second after it died); a rejected request may be told to wait up to <see cref="RenewInterval"/> longer than
/// without leases; the remaining units told are those of the last renewal.
/// </remarks>
public sealed class RedisLeaseOptions
{
    /// <summary>Whether hot keys are leased. Default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Decisions of one key a second, on this node, from which it is hot. 1 to 1,000,000. Default 500.</summary>
    public int HotDecisionsPerSecond { get; set; } = 500;

    /// <summary>How long leased units may be spent without a word from Redis. 100 ms to 60 s. Default 1 s.</summary>
    public TimeSpan Duration { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often a lease is renewed while it is in use. 5 ms to half of <see cref="Duration"/>. Default 50 ms; one call renews all leases.</summary>
    public TimeSpan RenewInterval { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The most keys leased at a time; further ones are decided in Redis. 1 to 100,000. Default 1,024.</summary>
    public int MaxKeys { get; set; } = 1024;
}

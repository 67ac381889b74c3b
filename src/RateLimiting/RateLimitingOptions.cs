using Tenfold.RateLimiting.Edges;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting;

/// <summary>How the rate limiter works: configuration section <c>Tenfold:RateLimiting</c>.</summary>
/// <remarks>
/// <see cref="Rules"/> may change while the service runs; all else is read once at the start. Every fault is reported at once, at the
/// start as well as on a reload, and a faulty reload leaves the rules as they were.
/// </remarks>
public sealed class RateLimitingOptions
{
    /// <summary>The configuration section that is read.</summary>
    public const string Section = "Tenfold:RateLimiting";

    /// <summary>The most rules.</summary>
    public const int MaxRules = 10_000;

    /// <summary>
    /// Where state is kept and decided on: <c>embedded:</c> (this process; the default, since it needs nothing else), or a server that
    /// several processes share, as <c>redis://host:6379</c>, or <c>orleans://redis/host:6379</c>: processes that decide for themselves from units
    /// leased from each other, and find each other through that Redis (<c>orleans://local/</c>: the same in one process alone). <c>orleans:</c> makes the
    /// process an Orleans silo, so it must be known when services are registered: <c>AddTenfoldRateLimiting(builder.Configuration)</c>.
    /// </summary>
    public string Engine { get; set; } = "embedded:";

    /// <summary>The rules, in order. None by default: then every request is admitted.</summary>
    public IList<RuleOptions> Rules { get; } = [];

    /// <summary>The embedded engine, which also stands in for another that cannot be asked.</summary>
    public EmbeddedStoreOptions Embedded { get; } = new();

    /// <summary>The Redis engine. Its address is <see cref="Engine"/>.</summary>
    public RedisStoreOptions Redis { get; } = new();

    /// <summary>The hierarchical engine. Read when services are registered.</summary>
    public HierarchyOptions Hierarchy { get; } = new();

    /// <summary>How the ASP.NET Core middleware reads attributes from a request and answers.</summary>
    public HttpEdgeOptions Http { get; } = new();

    /// <summary>The Redis-protocol face.</summary>
    public RespOptions Resp { get; } = new();

    /// <summary>Envoy's rate limit service over gRPC.</summary>
    public EnvoyOptions Envoy { get; } = new();

    /// <summary>What is remembered of past decisions, for <c>why</c>.</summary>
    public DecisionLogOptions Decisions { get; } = new();

    /// <summary>What is remembered of traffic, for a replay against changed rules.</summary>
    public RecordingOptions Recording { get; } = new();

    /// <summary>Faults found while reading the configuration itself (unknown keys, text where a number belongs).</summary>
    internal List<string> ReadingFaults { get; } = [];
}

/// <summary>One rule: which requests it is about, whose use it counts, and how much is allowed.</summary>
public sealed class RuleOptions
{
    /// <summary>Names the rule, and its state: 1 to 100 letters, digits, <c>-</c>, <c>_</c>, <c>.</c>; unique. Required.</summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// Attribute to condition; all must hold. Empty (the default) matches every request. A condition is text with alternatives
    /// (<c>GET|POST</c>), <c>*</c> (any run of characters; alone: the attribute is there), <c>?</c> (one character), <c>{name}</c> in a path
    /// (one segment), and a leading <c>!</c> (not). For <c>ip</c>: addresses and networks (<c>10.0.0.0/8|2001:db8::/32</c>).
    /// A backslash takes a sign literally. Path and method ignore case; a path's trailing slash does not count. In the middleware,
    /// <c>header.x-plan</c> is the request header <c>X-Plan</c>.
    /// </summary>
    public IDictionary<string, string> Match { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Whose use is counted: attribute names (<c>tenant</c>), the first that is there (<c>user|ip</c>), or text with attributes in braces
    /// (<c>{tenant}-{method}</c>). Empty (the default) counts all requests together. A request that lacks one is not the rule's.
    /// IPv6 addresses count by their /64 network, since one customer has as many addresses in it as they like.
    /// </summary>
    public IList<string> Key { get; } = [];

    /// <summary>The limits, decided together: all are charged or none. At least one.</summary>
    public IList<LimitOptions> Limits { get; } = [];

    /// <summary>Multiplies a request's cost: a whole number from 0 (default 1), or the name of the attribute that holds it.</summary>
    public string Cost { get; set; } = "1";

    /// <summary>Count and report, never deny. Default false.</summary>
    public bool DryRun { get; set; }

    /// <summary>
    /// What to do while the engine cannot be asked: <c>local</c> (this node's share of the limit, counted here; the default, since
    /// it neither refuses all nor admits all), <c>open</c> (admit), <c>closed</c> (reject).
    /// </summary>
    public string WhenUnavailable { get; set; } = "local";

    /// <summary>Apply only to endpoints that ask for the rule by name (<c>RequireRateLimit("name")</c>). Default false.</summary>
    public bool OnlyWhenRequired { get; set; }

    /// <summary>Other limits for particular keys.</summary>
    public IList<OverrideOptions> Overrides { get; } = [];
}

/// <summary>One limit of a rule.</summary>
public sealed class LimitOptions
{
    /// <summary>Tells several limits of a rule apart; default: its place. State is kept under it, so a rename starts anew.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// <c>token-bucket</c> (default: exact, one number a key), <c>fixed-window</c>, <c>sliding-window-counter</c>,
    /// <c>sliding-window-log</c> or <c>concurrency</c>.
    /// </summary>
    public string Algorithm { get; set; } = "token-bucket";

    /// <summary>Units a <see cref="Period"/>, at least 1; for <c>concurrency</c>, units at a time. Required.</summary>
    public long Permits { get; set; }

    /// <summary>The time over which permits count: <c>250ms</c>, <c>10s</c>, <c>1m</c>, <c>1h</c>, <c>1d</c> or <c>hh:mm:ss</c>. Required but for concurrency.</summary>
    public string? Period { get; set; }

    /// <summary>The most at once, for a token bucket; default: <see cref="Permits"/>.</summary>
    public long? Burst { get; set; }
}

/// <summary>Another limit for a particular key of a rule.</summary>
public sealed class OverrideOptions
{
    /// <summary>The key's values in the order of the rule's key; <c>*</c> stands for any value.</summary>
    public IList<string> Key { get; } = [];

    /// <summary>Which of the rule's limits, by its name; needed only where the rule has several.</summary>
    public string? Limit { get; set; }

    /// <summary>Units a period in place of the rule's.</summary>
    public long? Permits { get; set; }

    /// <summary>The period in place of the rule's.</summary>
    public string? Period { get; set; }

    /// <summary>The burst in place of the rule's; default: the override's permits.</summary>
    public long? Burst { get; set; }

    /// <summary>Do not limit this key at all. Default false.</summary>
    public bool Exempt { get; set; }
}

/// <summary>How the middleware reads a request and answers it.</summary>
public sealed class HttpEdgeOptions
{
    /// <summary>The claim that becomes <c>user</c>. Default <c>sub</c>; the name identifier claim counts as it.</summary>
    public string UserClaim { get; set; } = "sub";

    /// <summary>The claim that becomes <c>tenant</c>. Default <c>tenant</c>.</summary>
    public string TenantClaim { get; set; } = "tenant";

    /// <summary>The claim that becomes <c>tier</c>. Default <c>tier</c>.</summary>
    public string TierClaim { get; set; } = "tier";

    /// <summary>
    /// Attribute to request header, for attributes that a gateway in front has verified. None by default: a client can write any header. The
    /// attribute <c>key</c> is kept as a hash, since it is a secret.
    /// </summary>
    public IDictionary<string, string> Headers { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Networks whose <c>X-Forwarded-For</c> is believed. None by default: then <c>ip</c> is the connection's address.</summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>Send <c>RateLimit</c> and <c>RateLimit-Policy</c> (draft-ietf-httpapi-ratelimit-headers-11). Default true.</summary>
    public bool RateLimitHeaders { get; set; } = true;

    /// <summary>Send <c>X-RateLimit-Limit</c>, <c>-Remaining</c> and <c>-Reset</c> too. Default true.</summary>
    public bool LegacyHeaders { get; set; } = true;

    /// <summary>When a hold of a request that never ends returns by itself. Default 5 minutes; a request that takes longer loses its hold.</summary>
    public TimeSpan HoldExpiresAfter { get; set; } = TimeSpan.FromMinutes(5);
}

/// <summary>What is remembered of past decisions.</summary>
public sealed class DecisionLogOptions
{
    /// <summary>Rejected decisions kept, oldest out. Default 4,096 (about 4 MB at worst); 0 to 1,000,000.</summary>
    public int RejectedKept { get; set; } = 4096;

    /// <summary>Admitted decisions kept, oldest out. Default 1,024; 0 to 1,000,000.</summary>
    public int AdmittedKept { get; set; } = 1024;

    /// <summary>At most so many admitted decisions are remembered a second; the rest are only counted. Default 100.</summary>
    public int AdmittedPerSecond { get; set; } = 100;
}

/// <summary>What is remembered of traffic.</summary>
public sealed class RecordingOptions
{
    /// <summary>Record requests, to replay them later against changed rules. Default false, since attributes may be personal data.</summary>
    public bool Enabled { get; set; }

    /// <summary>Requests kept in memory, oldest out. Default 100,000; 1 to 10,000,000.</summary>
    public int MaxRequests { get; set; } = 100_000;

    /// <summary>Memory for the requests kept, in bytes. Default 64 MiB; 64 KiB to 16 GiB.</summary>
    public long MaxBytes { get; set; } = 64L << 20;
}

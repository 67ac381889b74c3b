namespace Tenfold.Planner.Models;

/// <summary>
/// Rate limiter: users to decisions a second at peak, to nodes that decide from their own memory, to Redis shards for what must be
/// exact across nodes, to traffic, to a bill.
/// </summary>
internal sealed class RateLimiterModel : PlanModel
{
    private const string BenchSource = "stated: measured beside Tenfold on 2 processors, November 2026 (bench/run rate-limiter repeats it)";
    private const string LabSource = "stated: 'tenfold lab rate-limiter' on 2 processors shared with its driver, 2026-11-24";

    public override string System => "rate-limiter";

    public override string Title => "Rate limiter: fleet and bill";

    public override string Scenario => "rate-limiter";

    public override IReadOnlyList<Assumption> Assumptions { get; } =
    [
        new("users", 1_000_000, "{user}", "Registered users.", 100, 10e9),
        new("requests-per-user-per-day", 50, "{request}/day", "Requests that ask the limiter, averaged over all users.", 0.01, 100_000),
        new("peak-factor", 4, "1", "Busiest second over the daily mean: evening hours and a news spike; take your own traffic's.", 1, 1000),
        new("target-utilisation", 0.6, "1", "Part of saturation that a node runs at when all is at peak: latency stays flat and one node may fail.", 0.05, 0.95),
        new("active-part", 0.2, "1", "Part of the users whose limits are not as fresh at one time; others take no memory.", 0.0001, 1),
        new("keys-per-user", 2, "{key}", "Limits that each keep state for an active user (a user's and an endpoint's).", 0.01, 1000),
        new("usable-memory-part", 0.5, "1", "Part of a machine's memory for keys; the rest is the system, the runtime and growth of tables.", 0.05, 0.9),
        new("strict-part", 0.1, "1", "Part of the decisions that must be exact across nodes: one Redis call each. The rest spends leased quota.", 0, 1),
        new("lease-calls-per-decision", 0.001, "{call}", "Calls to the quota's owner for each decision from a lease.", 0.000001, 1),
        new("spare-nodes", 1, "{node}", "Nodes beyond the need, so that one may fail or be deployed at peak.", 0, 1000, Whole: true),
        new("redis-replicas", 1, "{node}", "Replicas of each Redis shard.", 0, 5, Whole: true),
        new("redis-bytes-per-key", 150, "By", "Redis memory of one limit's key: key, value, expiry and table entries.", 50, 10_000),
        new("bytes-per-decision", 900, "By", "Request and answer over HTTP with headers, both directions together.", 50, 100_000),
        new("redis-bytes-per-call", 300, "By", "Script call and answer, both directions together.", 50, 100_000),
        new("cross-zone-part", 0.67, "1", "Part of calls that go to another availability zone: two in three when three zones share evenly.", 0, 1),
    ];

    public override IReadOnlyList<MeasuredFigure> Figures { get; } =
    [
        new("http-decisions-per-second", "{decision}/s", "Saturation of one node over HTTP, the load driver on the same machine.", 20_000, LabSource),
        new("http-p99-at-80-percent", "s", "99th percentile of latency at 80 % of saturation. Shown to be compared with your own bound.", 0.004, LabSource, IsPercentile: true),
        new("memory-per-key", "By", "Growth of resident memory for each key with state.", 65, LabSource),
        new("redis-decisions-per-second", "{decision}/s", "Decisions of one Redis shard by script, without pipelining.", 50_000, BenchSource),
    ];

    protected override IReadOnlyList<(string Name, string Price)> Prices { get; } =
    [
        ("node-price", "node"),
        ("redis-price", "redis"),
        ("transfer-price", "zone-transfer"),
    ];

    protected override string Bill => "bill";

    protected override string MachinesNeeded => "nodes-needed";

    protected override string Growth => "users";

    protected override IReadOnlyList<PlanStep> Steps { get; } =
    [
        new("Load", "requests-per-day", "All users together", "users * requests-per-user-per-day", "{request}/day"),
        new("Load", "requests-per-second", "Mean over a day of 86,400 s", "requests-per-day / 86400", "{request}/s"),
        new("Load", "peak-decisions", "At peak; one decision charges all limits of a request", "requests-per-second * peak-factor", "{decision}/s"),
        new("Nodes", "rate-per-node", "What one node is planned to carry", "http-decisions-per-second * target-utilisation", "{decision}/s"),
        new("Nodes", "nodes-for-rate", "Nodes for the peak", "ceil(peak-decisions / rate-per-node)", "{node}"),
        new("Nodes", "active-keys", "Keys with state at one time", "users * active-part * keys-per-user", "{key}"),
        new("Nodes", "key-memory", "Their memory in GiB of 2^30 bytes", "active-keys * memory-per-key / 1073741824", "GiB"),
        new("Nodes", "nodes-for-memory", "Nodes of 8 GiB for the memory", "ceil(key-memory / (8 * usable-memory-part))", "{node}"),
        new("Nodes", "nodes-needed", "The greater of the two", "max(nodes-for-rate, nodes-for-memory)", "{node}"),
        new("Nodes", "nodes", "With spares", "nodes-needed + spare-nodes", "{node}"),
        new("Shared state", "shared", "1 when more than one node decides, else 0: one node needs no Redis", "min(1, max(0, nodes-needed - 1))", "1"),
        new("Shared state", "strict-calls", "Redis calls for exact decisions at peak", "peak-decisions * strict-part * shared", "{call}/s"),
        new("Shared state", "lease-calls", "Redis calls for leases at peak", "peak-decisions * (1 - strict-part) * lease-calls-per-decision * shared", "{call}/s"),
        new("Shared state", "shards-for-rate", "Redis shards for the calls", "ceil((strict-calls + lease-calls) / (redis-decisions-per-second * target-utilisation))", "{shard}"),
        new("Shared state", "redis-memory", "Memory of the exact keys in GiB", "active-keys * strict-part * shared * redis-bytes-per-key / 1073741824", "GiB"),
        new("Shared state", "shards-for-memory", "Redis shards of 8 GiB for the memory", "ceil(redis-memory / (8 * usable-memory-part))", "{shard}"),
        new("Shared state", "redis-machines", "Shards with replicas", "max(shards-for-rate, shards-for-memory) * (1 + redis-replicas)", "{node}"),
        new("Traffic", "requests-a-month", "Mean rate over a month: traffic is paid by volume, not by peak", "requests-per-second * 3600 * hours-a-month", "{request}"),
        new("Traffic", "edge-traffic", "Between zones, callers to nodes, in GB of 10^9 bytes", "requests-a-month * bytes-per-decision * cross-zone-part / 1000000000", "GB"),
        new("Traffic", "calls-per-decision", "Redis calls for each decision", "(strict-part + (1 - strict-part) * lease-calls-per-decision) * shared", "{call}"),
        new("Traffic", "redis-traffic", "Between zones, nodes to Redis, in GB", "requests-a-month * calls-per-decision * redis-bytes-per-call * cross-zone-part / 1000000000", "GB"),
        new("Bill", "node-cost", "Nodes", "nodes * node-price * hours-a-month", "USD"),
        new("Bill", "redis-cost", "Redis", "redis-machines * redis-price * hours-a-month", "USD"),
        new("Bill", "traffic-cost", "Each byte between zones is paid at both ends", "(edge-traffic + redis-traffic) * 2 * transfer-price", "USD"),
        new("Bill", "bill", "A month", "node-cost + redis-cost + traffic-cost", "USD"),
    ];

    protected override string Describe(double growth, IReadOnlyDictionary<string, double> values)
    {
        var reason = values["peak-decisions"] / values["rate-per-node"] >= values["key-memory"] / (8 * values["usable-memory-part"])
            ? "then its processors are full"
            : "then its memory is full";
        return $"One machine is enough until {Quantity.Number(growth)} users ({Quantity.Number(Math.Round(values["peak-decisions"]))} decisions a second at peak); {reason}.";
    }
}

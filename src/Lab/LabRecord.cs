namespace Tenfold.Lab;

/// <summary>What one run measured and proved: the <c>record.json</c> that reports, comparisons and the planner read.</summary>
/// <param name="Id">Sortable by time: <c>20261124-083000-rate-limiter-1</c>.</param>
/// <param name="Scenario">The scenario's name.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="DurationSeconds">The whole run, start of the server included.</param>
/// <param name="Command">Repeats the run.</param>
/// <param name="Seed">The seed of keys and arrivals.</param>
/// <param name="TimeScale">What each phase's length was multiplied by.</param>
/// <param name="Redis">Whether the Redis part was run.</param>
/// <param name="Machine">Where it ran.</param>
/// <param name="Verdict"><c>kept</c> or <c>broken</c>.</param>
/// <param name="Promises">Each promise that was checked.</param>
/// <param name="Phases">Each phase of load.</param>
/// <param name="Faults">Each fault, in seconds since the run began.</param>
/// <param name="Figures">The figures that the planner and the documents quote.</param>
/// <param name="Notes">What a reader must know to judge the figures.</param>
public sealed record LabRecord(
    string Id,
    string Scenario,
    DateTimeOffset StartedAt,
    double DurationSeconds,
    string Command,
    int Seed,
    double TimeScale,
    bool Redis,
    LabMachine Machine,
    string Verdict,
    IReadOnlyList<PromiseResult> Promises,
    IReadOnlyList<PhaseResult> Phases,
    IReadOnlyList<FaultMark> Faults,
    IReadOnlyDictionary<string, LabFigure> Figures,
    IReadOnlyList<string> Notes)
{
    /// <summary>The verdict when every promise held.</summary>
    public const string Kept = "kept";

    /// <summary>The verdict when a promise did not hold.</summary>
    public const string Broken = "broken";

    /// <summary>One line for lists: the first figure and the count of promises.</summary>
    public string Headline =>
        $"{Promises.Count(promise => promise.Kept)} of {Promises.Count} promises kept"
        + (Figures.Count == 0 ? "" : $"; {Figures.First().Key} {FigureText.Of(Figures.First().Value.Value, Figures.First().Value.Unit)}");
}

/// <summary>The machine that a run was made on.</summary>
/// <param name="Processors">Logical processors.</param>
/// <param name="MemoryBytes">Memory that a process here may use.</param>
/// <param name="Os">The operating system.</param>
/// <param name="Runtime">The .NET runtime.</param>
public sealed record LabMachine(int Processors, long MemoryBytes, string Os, string Runtime);

/// <summary>A promise, whether it held, and how often that was checked.</summary>
/// <param name="Name">What is promised, in words.</param>
/// <param name="Kept">Whether every check held.</param>
/// <param name="Detail">The numbers: the nearest miss, or the first failure.</param>
/// <param name="Checked">How many checks were made.</param>
public sealed record PromiseResult(string Name, bool Kept, string Detail, long Checked);

/// <summary>A phase of load and what came back.</summary>
/// <param name="Name">Unique in the run.</param>
/// <param name="Start">Seconds since the run began.</param>
/// <param name="OfferedPerSecond">Requests that fell due a second: the schedule's, with its chance.</param>
/// <param name="AchievedPerSecond">Answers a second.</param>
/// <param name="LatencySeconds">From the intended send time, timeouts included at the time waited.</param>
/// <param name="Errors">Requests without a proper answer: timeouts, lost connections, statuses of 400 and over but 429.</param>
/// <param name="Admitted">Answers that admitted.</param>
/// <param name="Rejected">Answers that rejected (429).</param>
/// <param name="DriverLagSeconds">99th percentile of how late the driver itself was: latency below this is not to be trusted.</param>
/// <param name="InSystem">Mean number of requests between intended send and answer, sampled: L of Little's law.</param>
/// <param name="Series">One point a quarter second.</param>
public sealed record PhaseResult(
    string Name,
    double Start,
    double OfferedPerSecond,
    double AchievedPerSecond,
    LatencySeconds LatencySeconds,
    long Errors,
    long Admitted,
    long Rejected,
    double DriverLagSeconds,
    double InSystem,
    IReadOnlyList<SeriesPoint> Series);

/// <summary>Latency of a phase in seconds. Percentiles of different phases or hops must never be added or averaged.</summary>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="P50">Median.</param>
/// <param name="P90">90th percentile.</param>
/// <param name="P99">99th percentile.</param>
/// <param name="P999">99.9th percentile.</param>
/// <param name="Max">The greatest.</param>
public sealed record LatencySeconds(double Mean, double P50, double P90, double P99, double P999, double Max)
{
    /// <summary>Nothing measured.</summary>
    public static LatencySeconds None { get; } = new(0, 0, 0, 0, 0, 0);
}

/// <summary>One point of a phase's course.</summary>
/// <param name="T">Seconds since the run began.</param>
/// <param name="Rate">Answers a second.</param>
/// <param name="P99">99th percentile of latency in seconds within the interval.</param>
/// <param name="Errors">Errors within the interval.</param>
public sealed record SeriesPoint(double T, double Rate, double P99, long Errors = 0);

/// <summary>A fault that was injected.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Start">Seconds since the run began.</param>
/// <param name="End">Seconds since the run began.</param>
public sealed record FaultMark(string Name, double Start, double End);

/// <summary>A figure with its unit.</summary>
/// <param name="Value">The value.</param>
/// <param name="Unit">An OpenTelemetry unit: <c>s</c>, <c>By</c>, <c>{decision}/s</c>, <c>1</c>.</param>
public sealed record LabFigure(double Value, string Unit);

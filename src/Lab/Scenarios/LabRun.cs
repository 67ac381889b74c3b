using System.Globalization;
using System.Runtime.InteropServices;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;
using Tenfold.Lab.Promises;

namespace Tenfold.Lab.Scenarios;

/// <summary>A scenario's run in progress: runs phases, tells progress, gathers what the record will hold.</summary>
internal sealed class LabRun
{
    public const string LittlesLawPromise = "Little's law holds in every phase (no answer lost, doubled or mistimed by the lab)";

    /// <summary>Below this many requests the edges of a phase weigh too much for Little's law.</summary>
    private const int EnoughForLittle = 1000;

    private readonly string _scenario;
    private readonly DateTimeOffset _startedAt;
    private readonly IProgress<LabProgress> _progress;
    private readonly int _phaseCount;
    private readonly List<PhaseResult> _phases = [];
    private readonly Dictionary<string, LabFigure> _figures = new(StringComparer.Ordinal);
    private readonly List<string> _notes = [];
    private int _phaseNumber;

    /// <param name="scenario">The scenario's name.</param>
    /// <param name="options">How to run.</param>
    /// <param name="progress">Who is told.</param>
    /// <param name="phaseCount">How many phases are planned; a search for saturation counts as one.</param>
    public LabRun(string scenario, LabOptions options, IProgress<LabProgress> progress, int phaseCount)
    {
        _scenario = scenario;
        _progress = progress;
        _phaseCount = phaseCount;
        Options = options;
        _startedAt = options.Time.GetUtcNow();
        Clock = new LabClock(options.Time);
        Faults = new FaultPlan(Clock);
    }

    public LabOptions Options { get; }

    public LabClock Clock { get; }

    public FaultPlan Faults { get; }

    public PromiseLedger Ledger { get; } = new();

    /// <summary>Tells that work without load is going on.</summary>
    public void Announce(string what)
    {
        _phaseNumber++;
        Tell(what, 0, 0, LatencySeconds.None);
    }

    /// <summary>A length, times the run's scale.</summary>
    public TimeSpan Scaled(double seconds) => TimeSpan.FromSeconds(seconds * Options.TimeScale);

    /// <summary>A seeded source for the next phase: the same seed and phase, the same load.</summary>
    public Random Random(int salt = 0) => new(unchecked(Options.Seed * 1_000_003 + _phases.Count * 101 + salt));

    public async Task<PhaseResult> PhaseAsync(LoadPhase phase, CancellationToken cancellationToken)
    {
        _phaseNumber++;
        return await StepAsync(phase, cancellationToken);
    }

    /// <summary>Raises the rate until the server is full.</summary>
    public async Task<SaturationSearch> SaturateAsync(
        string name, SaturationSearch search, Func<string, double, LoadPhase> phaseAt, CancellationToken cancellationToken)
    {
        _phaseNumber++;
        while (search.Next is { } rate)
            search.Add(await StepAsync(phaseAt($"{name} step {search.Steps.Count + 1}", rate), cancellationToken));
        Note($"Saturation of {name}: {search.Reason}.");
        return search;
    }

    /// <summary>Keeps the result of a phase that the scenario ran itself, beside others.</summary>
    public void Keep(PhaseResult phase) => _phases.Add(phase);

    public void Figure(string name, double value, string unit) => _figures[name] = new LabFigure(value, unit);

    public void Note(string text) => _notes.Add(text);

    public LabRecord Finish()
    {
        var promises = Ledger.Results();
        return new LabRecord(
            $"{_startedAt.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{_scenario}-{Options.Seed}",
            _scenario,
            _startedAt,
            Math.Round(Clock.Seconds, 2),
            Options.Command ?? DefaultCommand(),
            Options.Seed,
            Options.TimeScale,
            Options.Redis,
            new LabMachine(
                Environment.ProcessorCount,
                GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}",
                RuntimeInformation.FrameworkDescription),
            promises.All(promise => promise.Kept) ? LabRecord.Kept : LabRecord.Broken,
            promises,
            _phases,
            Faults.Marks,
            _figures,
            _notes);
    }

    private async Task<PhaseResult> StepAsync(LoadPhase phase, CancellationToken cancellationToken)
    {
        phase = phase with { RatePerSecond = Math.Min(phase.RatePerSecond, Options.MaxRatePerSecond) };
        Tell(phase.Name, phase.RatePerSecond, 0, LatencySeconds.None);
        var result = await OpenLoopDriver.RunAsync(
            Clock, phase, meter => Tell(phase.Name, phase.RatePerSecond, meter.RecentRate, meter.Latency), cancellationToken);
        _phases.Add(result);
        var count = result.Admitted + result.Rejected + result.Errors;
        if (count >= EnoughForLittle)
        {
            var difference = LittlesLaw.Difference(result);
            Ledger.Check(
                LittlesLawPromise,
                difference <= LittlesLaw.Tolerance,
                $"'{phase.Name}': L and λW differ by {difference * 100:0.0} % (allowed {LittlesLaw.Tolerance * 100:0} %)");
        }

        return result;
    }

    private void Tell(string phase, double offered, double achieved, LatencySeconds latency) => _progress.Report(new LabProgress(
        phase, Math.Min(_phaseNumber, _phaseCount), _phaseCount, TimeSpan.FromSeconds(Clock.Seconds), offered, achieved, latency, Ledger.Checked, Ledger.Broken, Faults.Current));

    private string DefaultCommand() =>
        $"tenfold lab {_scenario} --seed {Options.Seed}"
        + (Options.TimeScale == 1 ? "" : $" --time-scale {Options.TimeScale.ToString(CultureInfo.InvariantCulture)}")
        + (Options.Redis ? " --redis" : "");
}

namespace Tenfold.Lab;

/// <summary>
/// A measured trial of one promise under real load and real faults: load driver + fault plan + promise checker.
/// </summary>
/// <remarks>Stateless and thread-safe; two runs on one machine disturb each other's figures, not each other's files.</remarks>
public abstract class Scenario
{
    /// <summary>The name on the command line: <c>rate-limiter</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The name for people.</summary>
    public abstract string Title { get; }

    /// <summary>What the run shows, in one or two sentences.</summary>
    public abstract string Description { get; }

    /// <summary>About how long a run takes at time scale 1.</summary>
    public abstract TimeSpan TypicalDuration { get; }

    /// <summary>Runs the scenario, writes <c>record.json</c> and <c>report.html</c> under the data directory, and returns the record.</summary>
    /// <param name="options">How to run.</param>
    /// <param name="progress">Told a few times a second where the run stands; null for silence.</param>
    /// <param name="cancellationToken">Breaks the run off; nothing is recorded then.</param>
    /// <exception cref="LabException">The run could not be carried out. A broken promise is no exception but the verdict.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<LabRecord> RunAsync(
        LabOptions options, IProgress<LabProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using var deadline = new CancellationTokenSource(options.Deadline, options.Time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        LabRecord record;
        try
        {
            record = await RunCoreAsync(options, progress ?? new Silence(), stop.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new LabException($"'{Name}' did not end within {options.Deadline}: raise the deadline or lower the time scale.");
        }

        await new LabRecordStore(options.DataDirectory).SaveAsync(record, cancellationToken);
        return record;
    }

    /// <summary>Carries the run out and returns its record; saving is the caller's.</summary>
    protected abstract Task<LabRecord> RunCoreAsync(
        LabOptions options, IProgress<LabProgress> progress, CancellationToken cancellationToken);

    private sealed class Silence : IProgress<LabProgress>
    {
        public void Report(LabProgress value)
        {
        }
    }
}

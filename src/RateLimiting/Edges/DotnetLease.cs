using System.Threading.RateLimiting;

namespace Tenfold.RateLimiting.Edges;

/// <summary>A decision as .NET's lease. Disposing of it gives back what it holds of concurrency limits; rates are spent.</summary>
internal sealed class DotnetLease(RateLimitDecision? decision, DotnetAttempts? attempts, DotnetHold? hold) : RateLimitLease
{
    /// <summary>The decision's id, by which one can ask why.</summary>
    public const string DecisionId = "TENFOLD_DECISION";

    private DotnetHold? _hold = hold;

    /// <inheritdoc/>
    public override bool IsAcquired => decision is { Admitted: true };

    /// <inheritdoc/>
    public override IEnumerable<string> MetadataNames =>
        decision is null ? [] : RetryAfter is null ? [DecisionId] : [MetadataName.RetryAfter.Name, DecisionId];

    /// <summary>When the same permits would pass, where waiting tells.</summary>
    public TimeSpan? RetryAfter =>
        decision is { Admitted: false } && decision.RetryAfter != Timeout.InfiniteTimeSpan ? decision.RetryAfter : null;

    /// <summary>Whether no wait would ever help: more is asked for than a limit allows at once.</summary>
    public bool Never => decision is { Admitted: false } && decision.Limits.Any(l =>
        !l.DryRun && !l.Outcome.HasRoom && l.Outcome.RetryAfter == Timeout.InfiniteTimeSpan
        && (l.Limit.Algorithm != LimitAlgorithm.Concurrency || l.Cost > l.Limit.Permits));

    /// <inheritdoc/>
    public override bool TryGetMetadata(string metadataName, out object? metadata)
    {
        metadata = metadataName switch
        {
            DecisionId => decision?.Id,
            _ when metadataName == MetadataName.RetryAfter.Name => RetryAfter,
            _ => null,
        };
        return metadata is not null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _hold, null) is { } held)
            attempts!.Release(held.Reservation, held.Cost);
        base.Dispose(disposing);
    }
}

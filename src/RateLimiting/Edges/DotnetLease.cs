using System.Threading.RateLimiting;

namespace Tenfold.RateLimiting.Edges;

/// <summary>A decision as .NET's lease. Disposing of it gives back what it holds of concurrency limits; rates are spent.</summary>
internal sealed class DotnetLease(RateLimitDecision? decision, DotnetAttempts? attempts, DotnetHold? hold) : RateLimitLease
{
    /// <summary>The decision's id, by which one can ask why.</summary>
    public const string DecisionId = "TENFOLD_DECISION";

    /// <summary>No, without having asked.</summary>
    public static readonly DotnetLease Refused = new(null, null, null);

    private DotnetHold? _hold = hold;

    /// <inheritdoc/>
    public override bool IsAcquired => attempts is not null && decision is { Admitted: true };

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

    /// <summary>The limit and key that has no room, the first of several; nothing when all have.</summary>
    public (string Rule, string Key) FullLimit
    {
        get
        {
            foreach (var limit in decision?.Limits ?? [])
            {
                if (!limit.DryRun && !limit.Outcome.HasRoom)
                    return (limit.Rule, limit.Key);
            }

            return default;
        }
    }

    /// <summary>Permits left of the narrowest limit; the greatest number where none applies.</summary>
    public long Remaining
    {
        get
        {
            var least = long.MaxValue;
            foreach (var limit in decision?.Limits ?? [])
                least = limit.DryRun ? least : Math.Min(least, limit.Outcome.Remaining);
            return least;
        }
    }

    /// <summary>What a look told, which took nothing.</summary>
    public static DotnetLease Looked(RateLimitDecision decision) => new(decision, null, null);

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
            attempts!.Release(held);
        base.Dispose(disposing);
    }
}

using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Why;

/// <summary>The figures of the live page. One <see cref="Reader"/> a viewer; nothing runs while nobody looks.</summary>
internal sealed class LiveFigures(DecisionObserver observer, CurrentRules rules, ILimitStore store, TimeProvider time)
{
    private const int ShownKeys = 20;

    /// <summary>A viewer, whose first figures count from now.</summary>
    public Reader Open() => new(this);

    /// <summary>Figures between two looks.</summary>
    internal sealed record Figures(
        DateTimeOffset Time,
        double DecisionsPerSecond,
        double AdmittedPerSecond,
        double RejectedPerSecond,
        double UnavailablePerSecond,
        Latency LatencySeconds,
        IReadOnlyList<RuleFigures> Rules,
        IReadOnlyList<TopKey> TopKeys,
        long Keys,
        long MemoryBytes);

    /// <summary>Latency of a decision, in seconds.</summary>
    internal sealed record Latency(double P50, double P99, double P999);

    /// <summary>One rule's rates.</summary>
    internal sealed record RuleFigures(string Rule, double AdmittedPerSecond, double RejectedPerSecond, double DryRunRejectedPerSecond);

    private Counts Read() => new(
        time.GetTimestamp(),
        observer.Admitted,
        observer.Rejected,
        observer.Unavailable,
        observer.Latency.Copy(),
        rules.Current.Rules.Select(r => (r.Name, r.Counters)).Append((RuleRateLimiter.InlineRule, observer.Inline))
            .Select(r => new RuleCounts(r.Item1, r.Item2.Admitted, r.Item2.Rejected, r.Item2.DryRunRejected)).ToArray());

    private Figures Between(Counts before, Counts now)
    {
        var seconds = Math.Max(0.001, time.GetElapsedTime(before.At, now.At).TotalSeconds);
        var latency = LatencyHistogram.Since(now.Latency, before.Latency);
        var earlier = before.Rules.ToDictionary(r => r.Rule, StringComparer.Ordinal);
        var size = (store as ILimitStoreSize)?.Size ?? default;
        var (admitted, rejected) = ((now.Admitted - before.Admitted) / seconds, (now.Rejected - before.Rejected) / seconds);
        return new Figures(
            time.GetUtcNow(),
            admitted + rejected,
            admitted,
            rejected,
            (now.Unavailable - before.Unavailable) / seconds,
            new Latency(LatencyHistogram.Quantile(latency, 0.5), LatencyHistogram.Quantile(latency, 0.99), LatencyHistogram.Quantile(latency, 0.999)),
            [
                .. now.Rules.Select(r => (Now: r, Before: earlier.GetValueOrDefault(r.Rule)))
                    .Where(r => r.Now.Rule != RuleRateLimiter.InlineRule || r.Now.Admitted + r.Now.Rejected > 0)
                    .Select(r => new RuleFigures(
                        r.Now.Rule,
                        (r.Now.Admitted - r.Before.Admitted) / seconds,
                        (r.Now.Rejected - r.Before.Rejected) / seconds,
                        (r.Now.DryRunRejected - r.Before.DryRunRejected) / seconds)),
            ],
            observer.TopKeys.Busiest(ShownKeys),
            size.Keys,
            size.MemoryBytes);
    }

    /// <summary>One viewer.</summary>
    internal sealed class Reader
    {
        private readonly LiveFigures _figures;
        private Counts _last;

        internal Reader(LiveFigures figures)
        {
            _figures = figures;
            _last = figures.Read();
        }

        /// <summary>The figures since the last look.</summary>
        public Figures Next()
        {
            var now = _figures.Read();
            var figures = _figures.Between(_last, now);
            _last = now;
            return figures;
        }
    }

    private readonly record struct RuleCounts(string Rule, long Admitted, long Rejected, long DryRunRejected);

    private sealed record Counts(long At, long Admitted, long Rejected, long Unavailable, long[] Latency, RuleCounts[] Rules);
}

using System.Diagnostics.Metrics;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting;

/// <summary>
/// The rate limiter's metrics: Meter <c>Tenfold.RateLimiting</c>. Read from counters that decisions keep anyway, so that a scrape costs the scraper and not the
/// hot path. Tags are rule names, which configuration bounds; never keys.
/// </summary>
internal sealed class RateLimitingMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Tenfold.RateLimiting";

    private static readonly double[] Quantiles = [0.5, 0.99, 0.999];

    private readonly DecisionObserver _observer;
    private readonly CurrentRules _rules;

    public RateLimitingMetrics(IMeterFactory meters, DecisionObserver observer, CurrentRules rules)
    {
        _observer = observer;
        _rules = rules;
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("tenfold.rate_limiter.decisions", Decisions, "{decision}", "Requests decided, by outcome");
        meter.CreateObservableCounter("tenfold.rate_limiter.rule.decisions", RuleDecisions, "{decision}", "Requests that a rule matched, by rule and outcome");
        meter.CreateObservableCounter(
            "tenfold.rate_limiter.engine.unavailable", () => observer.Unavailable, "{decision}", "Decisions for which the engine could not be asked");
        meter.CreateObservableGauge("tenfold.rate_limiter.decision.duration", Durations, "s", "Duration of a decision since the start, by quantile");
        meter.CreateObservableGauge("tenfold.rate_limiter.rules", () => rules.Current.Rules.Length, "{rule}", "Rules in force");
        meter.CreateObservableGauge(
            "tenfold.rate_limiter.rules.refused", () => rules.LastFault is null ? 0 : 1, "{reload}", "1 while the configuration holds rules that were refused");
    }

    private IEnumerable<Measurement<long>> Decisions() =>
    [
        new(_observer.Admitted, Outcome("admitted")),
        new(_observer.Rejected, Outcome("rejected")),
    ];

    private IEnumerable<Measurement<long>> RuleDecisions()
    {
        foreach (var rule in _rules.Current.Rules)
        {
            var name = new KeyValuePair<string, object?>("rule", rule.Name);
            yield return new(rule.Counters.Admitted, name, Outcome("admitted"));
            yield return new(rule.Counters.Rejected, name, Outcome("rejected"));
            yield return new(rule.Counters.DryRunRejected, name, Outcome("dry_run_rejected"));
            yield return new(rule.Counters.Unavailable, name, Outcome("unavailable"));
        }
    }

    private IEnumerable<Measurement<double>> Durations()
    {
        var counts = _observer.Latency.Copy();
        foreach (var quantile in Quantiles)
            yield return new(LatencyHistogram.Quantile(counts, quantile), new KeyValuePair<string, object?>("quantile", quantile));
    }

    private static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
}

using HdrHistogram;

namespace Tenfold.Lab.Load;

/// <summary>Latencies in an HdrHistogram: three significant digits from a nanosecond to two minutes.</summary>
internal sealed class LatencyRecorder
{
    private const long Highest = 120 * LabClock.Second;

    private readonly LongHistogram _histogram = new(Highest, 3);

    public long Count => _histogram.TotalCount;

    public void Record(long nanoseconds) => _histogram.RecordValue(Math.Clamp(nanoseconds, 1, Highest));

    public double Percentile(double percentile) => Count == 0 ? 0 : _histogram.GetValueAtPercentile(percentile) / 1e9;

    public void Reset() => _histogram.Reset();

    public LatencySeconds Summarize() => Count == 0
        ? LatencySeconds.None
        : new LatencySeconds(
            _histogram.GetMean() / 1e9,
            Percentile(50),
            Percentile(90),
            Percentile(99),
            Percentile(99.9),
            _histogram.GetMaxValue() / 1e9);
}

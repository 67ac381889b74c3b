using System.Collections.Immutable;
using Tenfold.Lab.Load;
using Tenfold.Lab.Promises;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>
/// Load on a limiter that checks the promises as answers come in: each answer at once, the law of each key's bucket at the phase's
/// end. The driver's thread only, but for <see cref="BeginEpoch"/>.
/// </summary>
internal class LimiterWorkload(PromiseLedger ledger, BucketShape shape, Func<int> nextKey) : IWorkload
{
    private const int FlushAfter = 4096;

    private readonly Dictionary<(int Epoch, int Key), TokenBucketLaw> _laws = [];
    private ImmutableArray<long> _epochs = [];
    private long _firstAnswerAfterEpoch;
    private long _answers;
    private long _rejections;
    private long _firstSent = long.MaxValue;
    private long _lastEnded;

    /// <summary>Whether requests may go unanswered: overload on purpose, or a fault.</summary>
    public bool LossExpected { get; init; }

    /// <summary>The least retry time that makes sense: 1 for HTTP, which rounds up; 0 for the Redis face.</summary>
    public long LeastRetryAfter { get; init; } = 1;

    /// <summary>Whether each key's bucket is checked; off where each key is asked once.</summary>
    public bool ChecksLaw { get; init; } = true;

    /// <summary>Admissions of the whole phase.</summary>
    public long Admitted { get; private set; }

    /// <summary>How long after the last epoch's begin the first answer came, in seconds; null when none did.</summary>
    public double? SecondsToFirstAnswer => _firstAnswerAfterEpoch == 0 ? null : (_firstAnswerAfterEpoch - _epochs[^1]) / 1e9;

    /// <summary>Part of what the bucket could give at most, from the first send to the last answer, that was taken.</summary>
    public double Utilisation => Admitted / (shape.Burst + shape.RatePerSecond * Math.Max(0, _lastEnded - _firstSent) / 1e9);

    public int NextKey() => nextKey();

    /// <summary>State may have been forgotten at this moment: what was sent later is judged by itself.</summary>
    public void BeginEpoch(long now)
    {
        ImmutableInterlocked.Update(ref _epochs, starts => starts.Add(now));
        Interlocked.Exchange(ref _firstAnswerAfterEpoch, 0);
    }

    public virtual void Observe(in Exchange exchange)
    {
        switch (exchange.Ending)
        {
            case Ending.Admitted:
                Answered(exchange);
                Admitted++;
                if (ChecksLaw && IsHeldToLaw(exchange))
                    LawOf(exchange).Add(exchange.Sent, exchange.Ended);
                break;
            case Ending.Rejected:
                Answered(exchange);
                Rejected(exchange);
                break;
            case Ending.Failed:
                var promise = exchange.Status >= 500 ? LimiterPromises.NoServerError : LimiterPromises.Answered;
                ledger.Failed(promise, $"status {exchange.Status} at {exchange.Ended / 1e9:0.000} s");
                break;
            default:
                if (!LossExpected)
                    ledger.Failed(LimiterPromises.Answered, $"{exchange.Ending} at {exchange.Ended / 1e9:0.000} s after {(exchange.Ended - exchange.Intended) / 1e9:0.000} s");
                break;
        }
    }

    /// <summary>Checks every key's bucket and counts what is left; once, after the phase.</summary>
    public void Complete(string phase)
    {
        Flush();
        var worst = default(LawFinding);
        var nearest = double.NegativeInfinity;
        foreach (var law in _laws.Values)
        {
            var finding = law.Check();
            ledger.Held(LimiterPromises.Law, law.Admissions);
            if (finding.Admitted - finding.Allowed <= nearest)
                continue;
            nearest = finding.Admitted - finding.Allowed;
            worst = finding;
        }

        if (nearest > double.NegativeInfinity)
        {
            ledger.Check(LimiterPromises.Law, worst.Kept,
                $"nearest to the limit, in '{phase}': {worst.Admitted} admitted within {FigureText.Seconds((worst.End - worst.Start) / 1e9)}, {worst.Allowed:0.0} allowed");
        }
    }

    /// <summary>Whether an admission counts against its key's bucket.</summary>
    protected virtual bool IsHeldToLaw(in Exchange exchange) => true;

    private void Answered(in Exchange exchange)
    {
        if (++_answers % FlushAfter == 0)
            Flush();
        _firstSent = Math.Min(_firstSent, exchange.Sent);
        _lastEnded = exchange.Ended;
        if (_firstAnswerAfterEpoch == 0 && _epochs is [.., var start] && exchange.Sent >= start)
            Interlocked.CompareExchange(ref _firstAnswerAfterEpoch, exchange.Ended, 0);
    }

    private void Rejected(in Exchange exchange)
    {
        if (exchange.RetryAfter >= LeastRetryAfter)
            _rejections++;
        else
            ledger.Failed(LimiterPromises.Retry, $"retry after {exchange.RetryAfter?.ToString() ?? "(none)"} at {exchange.Ended / 1e9:0.000} s");
    }

    private TokenBucketLaw LawOf(in Exchange exchange)
    {
        // Sent before the kill but answered: still the old state's admission.
        var sent = exchange.Sent;
        var place = (_epochs.Count(start => sent >= start), exchange.Key);
        if (!_laws.TryGetValue(place, out var law))
            _laws[place] = law = new TokenBucketLaw(shape.RatePerSecond, shape.Burst);
        return law;
    }

    private void Flush()
    {
        ledger.Held(LimiterPromises.Answered, _answers % FlushAfter == 0 ? FlushAfter : _answers % FlushAfter);
        ledger.Held(LimiterPromises.NoServerError, _answers % FlushAfter == 0 ? FlushAfter : _answers % FlushAfter);
        ledger.Held(LimiterPromises.Retry, _rejections);
        _rejections = 0;
    }
}

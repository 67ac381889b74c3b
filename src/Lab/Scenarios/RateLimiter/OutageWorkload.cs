using Tenfold.Lab.Load;
using Tenfold.Lab.Promises;

namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>
/// Load on three rules that differ only in what they do without their engine, one key each. Between the moment at which the outage
/// must have been noticed and its end, each must do exactly what it says.
/// </summary>
internal sealed class OutageWorkload(PromiseLedger ledger, BucketShape shape, Func<int> nextKey) : LimiterWorkload(ledger, shape, nextKey)
{
    public const int Open = 0;
    public const int Closed = 1;
    public const int Local = 2;
    public const string OpenPromise = "Without Redis, a rule that fails open admits everything";
    public const string ClosedPromise = "Without Redis, a rule that fails closed admits nothing";
    public const string LocalPromise = "Without Redis, a rule that falls back to its local share goes on admitting, within the limit";

    private readonly PromiseLedger _ledger = ledger;
    private readonly LatencyRecorder _outage = new();
    private readonly LatencyRecorder _before = new();
    private long _noticed = long.MaxValue;
    private long _ended = long.MaxValue;

    /// <summary>Local admissions while Redis was away.</summary>
    public long LocalAdmissions { get; private set; }

    /// <summary>Admissions of the closed rule after Redis came back.</summary>
    public long AdmissionsAfter { get; private set; }

    /// <summary>Latency while Redis was away and that was known.</summary>
    public LatencySeconds OutageLatency => _outage.Summarize();

    /// <summary>Latency while Redis was still there.</summary>
    public LatencySeconds LatencyBefore => _before.Summarize();

    /// <summary>From now on the outage must be known.</summary>
    public void MustBeNoticed(long now) => Interlocked.Exchange(ref _noticed, now);

    /// <summary>The outage ends now.</summary>
    public void Ended(long now) => Interlocked.Exchange(ref _ended, now);

    public override void Observe(in Exchange exchange)
    {
        base.Observe(exchange);
        if (exchange.Sent >= Interlocked.Read(ref _ended))
        {
            if (exchange is { Key: Closed, Ending: Ending.Admitted })
                AdmissionsAfter++;
            return;
        }

        if (Interlocked.Read(ref _noticed) == long.MaxValue)
            _before.Record(exchange.Ended - exchange.Intended);
        // Not yet known, or answered only after the end: either answer may be right.
        if (exchange.Sent < Interlocked.Read(ref _noticed) || exchange.Ended >= Interlocked.Read(ref _ended))
            return;
        _outage.Record(exchange.Ended - exchange.Intended);
        switch (exchange.Key)
        {
            case Open:
                Judge(OpenPromise, exchange.Ending == Ending.Admitted, exchange);
                break;
            case Closed:
                Judge(ClosedPromise, exchange.Ending == Ending.Rejected, exchange);
                break;
            default:
                LocalAdmissions += exchange.Ending == Ending.Admitted ? 1 : 0;
                break;
        }
    }

    /// <summary>A rule that fails open has no limit in an outage; the others are held to it throughout.</summary>
    protected override bool IsHeldToLaw(in Exchange exchange) => exchange.Key != Open;

    private void Judge(string promise, bool held, in Exchange exchange)
    {
        if (held)
            _ledger.Held(promise);
        else
            _ledger.Failed(promise, $"{exchange.Ending} at {exchange.Ended / 1e9:0.000} s");
    }
}

using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>One key of one limit at this node: the lease from which it decides.</summary>
/// <remarks>Everything is read and written under <see cref="Gate"/>; several gates are taken in the order of <see cref="Order"/>.</remarks>
internal sealed class HierarchicalKey(QuotaKey key, Limit limit, long order, int bucket, LeaseHolder lease, long now)
{
    private TaskCompletionSource<bool>? _answer;

    public QuotaKey Key => key;

    public long Order => order;

    public int Bucket => bucket;

    public Lock Gate { get; } = new();

    public LeaseHolder Lease => lease;

    public Limit Limit { get; private set; } = limit;

    public LimitTerms Terms { get; private set; } = LimitTerms.Of(limit);

    /// <summary>Whether it was forgotten: who still holds a reference looks it up anew.</summary>
    public bool IsRetired { get; set; }

    /// <summary>Units that waiting requests ask for.</summary>
    public long Waiting { get; private set; }

    /// <summary>The smallest of them.</summary>
    public long Least { get; private set; }

    /// <summary>When the last answer came.</summary>
    public long AnsweredAt { get; private set; } = now;

    /// <summary>Whether a request waits for an answer.</summary>
    public bool IsAwaited => _answer is not null;

    /// <summary>Takes over a changed limit.</summary>
    public void Follow(Limit limit)
    {
        if (ReferenceEquals(limit, Limit))
            return;
        Limit = limit;
        var terms = LimitTerms.Of(limit);
        if (terms == Terms)
            return;
        Terms = terms;
        lease.Distrust();
    }

    /// <summary>Waits for the next answer that reckons with <paramref name="cost"/>; the task says whether one came.</summary>
    public Task<bool> WaitForAnswer(long cost)
    {
        Waiting += cost;
        Least = Least == 0 ? cost : Math.Min(Least, cost);
        return (_answer ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
    }

    /// <summary>Writes the report, with all that waits until now.</summary>
    public (QuotaReport Report, TaskCompletionSource<bool>? Answer) Report(long now)
    {
        var report = new QuotaReport(key, Terms, lease.Report(now, Waiting, Least));
        var answer = _answer;
        Waiting = 0;
        Least = 0;
        _answer = null;
        return (report, answer);
    }

    /// <summary>Takes the answer; false when it is void.</summary>
    public bool Apply(long now, in LeaseGrant grant)
    {
        if (!lease.Apply(now, grant))
            return false;
        AnsweredAt = now;
        return true;
    }

    /// <summary>Units left, as far as this node knows: in hand, and free above at the last answer.</summary>
    public long Remaining(long now)
    {
        var left = lease.Spendable(now) + lease.FreeAbove - lease.Owed;
        if (Terms.Algorithm == LimitAlgorithm.TokenBucket)
            left += (long)Int128.Min(Terms.Burst, (Int128)Math.Max(0, now - AnsweredAt) * Terms.Permits / Terms.Period);
        return Math.Clamp(left, 0, Terms.Burst);
    }

    /// <summary>How long until the limit is as if unused.</summary>
    public TimeSpan ResetAfter(long now, long remaining)
    {
        if (remaining >= Terms.Burst)
            return TimeSpan.Zero;
        return TimeSpan.FromTicks(Terms.Algorithm switch
        {
            LimitAlgorithm.TokenBucket => (long)((((Int128)(Terms.Burst - remaining) * Terms.Period) + Terms.Permits - 1) / Terms.Permits),
            LimitAlgorithm.FixedWindow => Terms.Period - (now % Terms.Period),
            LimitAlgorithm.Concurrency => 0,
            _ => Terms.Period,
        });
    }

    /// <summary>The key as it is kept: lone surrogates replaced, and long ones as their hash.</summary>
    public static string Canonical(string key)
    {
        if (key.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            key = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(key));
        if (key.Length <= ILimitStore.MaxPlainKeyBytes / 3 || Encoding.UTF8.GetByteCount(key) <= ILimitStore.MaxPlainKeyBytes)
            return key;
        return "#" + XxHash128.HashToUInt128(Encoding.UTF8.GetBytes(key)).ToString("x32", CultureInfo.InvariantCulture);
    }
}

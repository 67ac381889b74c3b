using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// Decides while the engine cannot be asked: rule by rule open, closed, or by this node's share of the limit, counted in a store of its own.
/// </summary>
/// <remarks>
/// Thread-safe. Over all nodes the local shares admit the limit once, as far as shares add up to one: <see cref="INodeShare"/> says how
/// well they do. Shares are rounded to a 32nd of a doubling (2.2 %), so that a share that drifts does not make a new limit each time.
/// </remarks>
internal sealed class LocalFallback(ILimitStore local, INodeShare? shares)
{
    /// <summary>When a closed rule says to come back: the engine is asked again at least this often.</summary>
    public static readonly TimeSpan ClosedRetryAfter = TimeSpan.FromSeconds(1);

    private const double StepsADoubling = 16;
    private const int MaxStep = 20 * (int)StepsADoubling;

    private readonly ConditionalWeakTable<Limit, ConcurrentDictionary<int, Limit>> _scaled = [];
    private int _used;

    /// <summary>Whether it ever decided anything: then it may hold reservations.</summary>
    public bool WasUsed => Volatile.Read(ref _used) != 0;

    /// <summary>The store behind local decisions.</summary>
    public ILimitStore Store => local;

    /// <summary>Decides checks <paramref name="start"/> to <paramref name="end"/> of a group. Never unavailable.</summary>
    public async ValueTask<bool> DecideAsync(CheckGroup group, int start, int end, Ask ask)
    {
        var checks = new List<LimitCheck>(end - start);
        var places = new List<int>(end - start);
        var closed = false;
        for (var i = start; i < end; i++)
        {
            switch (group.Rules[i]?.WhenUnavailable ?? WhenUnavailable.Local)
            {
                case WhenUnavailable.Open:
                    group.Sources[i] = DecisionSource.FailedOpen;
                    group.Outcomes[i] = new LimitOutcome(true, 0, TimeSpan.Zero, TimeSpan.Zero);
                    break;
                case WhenUnavailable.Local when ShareOf(group.Checks[i]) is > 0 and var share:
                    group.Sources[i] = DecisionSource.LocalFallback;
                    var check = group.Checks[i];
                    checks.Add(check with { Limit = Scale(check.Limit, share) });
                    places.Add(i);
                    break;
                default:
                    // Closed, or nothing to spend alone.
                    closed = true;
                    group.Sources[i] = DecisionSource.FailedClosed;
                    group.Outcomes[i] = new LimitOutcome(false, 0, ClosedRetryAfter, TimeSpan.Zero);
                    break;
            }
        }

        if (checks.Count == 0)
            return !closed;
        Volatile.Write(ref _used, 1);
        var outcomes = new LimitOutcome[checks.Count];
        // A closed rule denies the request, and a denied request consumes nothing: then the others are only looked at.
        var verdict = await (closed ? ask with { Kind = AskKind.Peek } : ask).OfAsync(local, checks.ToArray(), outcomes);
        for (var i = 0; i < outcomes.Length; i++)
            group.Outcomes[places[i]] = outcomes[i];
        return !closed && verdict == StoreVerdict.Admitted;
    }

    private double ShareOf(in LimitCheck check) => shares?.ShareOf(check.Limit, check.Key) ?? 1;

    /// <summary>A limit cut down to a share of it. The rate is kept exactly where the algorithm allows, however small it gets.</summary>
    internal Limit Scale(Limit limit, double share)
    {
        var step = share >= 1 ? 0 : (int)Math.Round(-Math.Log2(Math.Max(share, 1e-9)) * StepsADoubling);
        if (step <= 0)
            return limit;
        return _scaled.GetOrCreateValue(limit).GetOrAdd(Math.Min(step, MaxStep), static (at, of) => Scale(of, at), limit);
    }

    private static Limit Scale(Limit limit, int step)
    {
        var exact = limit.Permits * Math.Pow(2, -step / StepsADoubling);
        var permits = Math.Max(1, (long)(limit.Algorithm == LimitAlgorithm.TokenBucket ? exact : Math.Round(exact)));
        // Less than one unit a period: one unit a longer period. A bucket's rate is made exact the same way, a window's edge is left alone.
        var stretch = exact < 1 || limit.Algorithm == LimitAlgorithm.TokenBucket ? permits / exact : 1;
        var period = TimeSpan.FromTicks((long)Math.Min(limit.Period.Ticks * stretch, Limit.MaxPeriod.Ticks));
        var burst = limit.Algorithm == LimitAlgorithm.TokenBucket
            ? Math.Max(1, (long)(limit.Burst * Math.Pow(2, -step / StepsADoubling)))
            : permits;
        return Limit.Create(limit.Id, limit.Algorithm, permits, period, burst);
    }
}

/// <summary>What is asked of a store.</summary>
internal enum AskKind
{
    Acquire,
    Peek,
    Reserve,
}

/// <summary>One question to a store, whichever store it is.</summary>
internal readonly record struct Ask(AskKind Kind, string? ReservationId, TimeSpan ExpiresAfter, CancellationToken CancellationToken)
{
    /// <summary>Asks the store.</summary>
    public ValueTask<StoreVerdict> OfAsync(ILimitStore store, ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes) => Kind switch
    {
        AskKind.Acquire => store.AcquireAsync(checks, outcomes, CancellationToken),
        AskKind.Peek => store.PeekAsync(checks, outcomes, CancellationToken),
        _ => store.ReserveAsync(ReservationId!, checks, outcomes, ExpiresAfter, CancellationToken),
    };
}

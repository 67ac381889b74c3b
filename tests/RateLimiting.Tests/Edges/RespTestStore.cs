using System.Collections.Concurrent;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>A store that decides by a plain token bucket in ticks, at once or when it is told to: what an engine over a network looks like.</summary>
internal sealed class RespTestStore(TimeProvider time) : ILimitStore
{
    private readonly ConcurrentDictionary<string, long> _arrivals = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<TaskCompletionSource> _waiting = new();

    /// <summary>Whether decisions wait for <see cref="Release"/>.</summary>
    public bool Hold { get; set; }

    public bool Unavailable { get; set; }

    public int Waiting => _waiting.Count;

    public ICollection<string> Keys => _arrivals.Keys;

    /// <summary>Lets the decisions that wait go on, the latest first, so that whoever mixes up the order is found out.</summary>
    public void Release()
    {
        Hold = false;
        var all = new Stack<TaskCompletionSource>();
        while (_waiting.TryDequeue(out var one))
            all.Push(one);
        while (all.TryPop(out var one))
            one.SetResult();
    }

    public async ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        var verdict = Decide(checks.Span[0], out outcomes.Span[0]);
        if (Hold)
        {
            var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(wait);
            await wait.Task;
        }

        return verdict;
    }

    public ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask<SettleOutcome> SettleAsync(
        string reservationId, long actualCost, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private StoreVerdict Decide(in LimitCheck check, out LimitOutcome outcome)
    {
        outcome = default;
        if (Unavailable)
            return StoreVerdict.Unavailable;
        lock (_arrivals)
        {
            var interval = check.Limit.Period.Ticks / check.Limit.Permits;
            var tolerance = interval * check.Limit.Burst;
            var now = time.GetUtcNow().Ticks;
            var arrival = Math.Max(now, _arrivals.GetValueOrDefault(check.Key));
            var next = arrival + (interval * check.Cost);
            var admitted = next - now <= tolerance;
            if (admitted)
                _arrivals[check.Key] = arrival = next;
            var wait = admitted ? TimeSpan.Zero
                : check.Cost > check.Limit.Burst ? Timeout.InfiniteTimeSpan
                : new TimeSpan(next - now - tolerance);
            outcome = new LimitOutcome(admitted, (tolerance - (arrival - now)) / interval, wait, new TimeSpan(arrival - now));
            return admitted ? StoreVerdict.Admitted : StoreVerdict.Rejected;
        }
    }
}

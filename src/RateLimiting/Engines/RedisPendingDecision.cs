using System.Threading.Tasks.Sources;

namespace Tenfold.RateLimiting.Engines;

/// <summary>A decision that waits for its call. Whoever claims it first, the answer or the caller's cancellation, ends it.</summary>
internal sealed class RedisPendingDecision : IValueTaskSource<StoreVerdict>
{
    // A caller's continuation must never run on the loop that completes a batch: it could block all the others.
    private ManualResetValueTaskSourceCore<StoreVerdict> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private readonly Memory<LimitOutcome> _outcomes;
    private int _claimed;

    public RedisPendingDecision(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, bool peek, CancellationToken cancellation)
    {
        // A caller that stops waiting may use its memory anew while the batch is being written.
        Checks = cancellation.CanBeCanceled ? checks.ToArray() : checks;
        Peek = peek;
        _outcomes = outcomes;
        if (cancellation.CanBeCanceled)
            _registration = cancellation.UnsafeRegister(static (state, token) => ((RedisPendingDecision)state!).Cancel(token), this);
    }

    public ReadOnlyMemory<LimitCheck> Checks { get; }

    public bool Peek { get; }

    public ValueTask<StoreVerdict> Task => new(this, _core.Version);

    /// <summary>Ends it with what the server answered.</summary>
    public void Answer(ReadOnlySpan<byte> answer, ref int at, long now, RedisShapes shapes, RedisLink link)
    {
        if (!Claim())
        {
            RedisAnswer.Skip(answer, ref at, Checks.Length);
            return;
        }

        var verdict = RedisAnswer.Read(answer, ref at, now, Checks.Span, _outcomes.Span, shapes);
        if (verdict == StoreVerdict.Unavailable)
            link.ReportBroken(Checks.Span, shapes);
        _core.SetResult(verdict);
    }

    /// <summary>Ends it without an answer.</summary>
    public void Fail()
    {
        if (Claim())
            _core.SetResult(StoreVerdict.Unavailable);
    }

    StoreVerdict IValueTaskSource<StoreVerdict>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<StoreVerdict>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<StoreVerdict>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private bool Claim()
    {
        if (Interlocked.Exchange(ref _claimed, 1) != 0)
            return false;
        _registration.Unregister();
        return true;
    }

    private void Cancel(CancellationToken token)
    {
        if (Interlocked.Exchange(ref _claimed, 1) == 0)
            _core.SetException(new OperationCanceledException(token));
    }
}

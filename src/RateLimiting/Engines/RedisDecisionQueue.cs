using System.Buffers.Binary;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Decisions on their way to Redis. One alone is sent at once; those that come while calls are under way share the next one. So an idle
/// server answers in one round trip, and a busy one decides a hundred for the price of a script's start.
/// </summary>
/// <remarks>Thread-safe. Bounded: one decision more than <see cref="RedisStoreOptions.MaxQueuedDecisions"/> is unavailable at once.</remarks>
internal sealed class RedisDecisionQueue(RedisLink link, RedisShapes shapes, RedisStoreOptions options)
{
    private readonly Lock _gate = new();
    private readonly Queue<RedisPendingDecision> _waiting = new();
    private int _underWay;
    private bool _sending;

    public ValueTask<StoreVerdict> DecideAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, bool peek, CancellationToken cancellation)
    {
        var decision = new RedisPendingDecision(checks, outcomes, peek, cancellation);
        bool send;
        lock (_gate)
        {
            if (_waiting.Count >= options.MaxQueuedDecisions)
            {
                decision.Fail();
                return decision.Task;
            }

            _waiting.Enqueue(decision);
            send = !_sending && _underWay < options.MaxCallsInFlight;
            _sending |= send;
        }

        // Sent from the thread pool's queue, behind callers that are about to decide too: a batch of many costs hardly more than one of one.
        if (send)
            ThreadPool.UnsafeQueueUserWorkItem(static queue => queue.Send(), this, preferLocal: false);
        return decision.Task;
    }

    private void Send()
    {
        RedisPendingDecision[]? batch;
        lock (_gate)
        {
            _sending = false;
            batch = TakeBatch();
        }

        _ = SendAsync(batch);
    }

    /// <summary>The next batch when a call may start, else null. Under the lock.</summary>
    private RedisPendingDecision[]? TakeBatch()
    {
        if (_underWay >= options.MaxCallsInFlight || _waiting.Count == 0)
            return null;
        _underWay++;
        var checks = 0;
        var count = 0;
        foreach (var decision in _waiting)
        {
            checks += decision.Checks.Length;
            if (count > 0 && checks > options.MaxBatchChecks)
                break;
            count++;
        }

        var batch = new RedisPendingDecision[count];
        for (var i = 0; i < count; i++)
            batch[i] = _waiting.Dequeue();
        return batch;
    }

    private async Task SendAsync(RedisPendingDecision[]? batch)
    {
        while (batch is not null)
        {
            byte[]? answer = null;
            try
            {
                answer = (byte[]?)await CallAsync(batch);
            }
            finally
            {
                End(batch, answer);
                lock (_gate)
                {
                    _underWay--;
                    batch = TakeBatch();
                }
            }
        }
    }

    private async ValueTask<RedisResult?> CallAsync(RedisPendingDecision[] batch)
    {
        var count = 0;
        foreach (var decision in batch)
            count += decision.Checks.Length;
        var keys = new RedisKey[count + 1];
        keys[0] = shapes.Epoch;
        var checks = new RedisChecks(shapes, batch.Length, count);
        var at = 1;
        foreach (var decision in batch)
        {
            checks.Add(decision.Checks.Span, decision.Peek, reserve: false, keys.AsSpan(at));
            at += decision.Checks.Length;
        }

        var arguments = new RedisValue[2 + checks.Limits.Count];
        arguments[0] = RedisClock.Argument(options);
        arguments[1] = checks.Packed;
        for (var i = 0; i < checks.Limits.Count; i++)
            arguments[2 + i] = checks.Limits[i].Packed;
        return await link.RunAsync(RedisScript.Decide, keys, arguments);
    }

    private void End(RedisPendingDecision[] batch, ReadOnlySpan<byte> answer)
    {
        if (answer.IsEmpty)
        {
            Interlocked.Add(ref link.Statistics.Unavailable, batch.Length);
            foreach (var decision in batch)
                decision.Fail();
            return;
        }

        Interlocked.Add(ref link.Statistics.RemoteDecisions, batch.Length);
        var now = (long)BinaryPrimitives.ReadDoubleLittleEndian(answer);
        var at = 8;
        foreach (var decision in batch)
        {
            decision.Answer(answer, ref at, now, shapes, link);
        }
    }
}

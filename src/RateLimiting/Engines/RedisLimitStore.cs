using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Keeps limits in Redis, where all nodes share them: exact, by the server's clock, several limits in one step, in one round trip.
/// </summary>
/// <remarks>
/// Thread-safe. Decisions of concurrent callers share calls (<see cref="RedisDecisionQueue"/>); hot keys are decided here from units that
/// Redis holds for this node (<see cref="RedisLeases"/>); a server that does not answer is not asked (<see cref="RedisLink"/>).
/// Durability is the server's: what it forgets (restart without persistence, failover before replication) is forgotten here, unless
/// <see cref="RedisStoreOptions.Strict"/> is set. A call that timed out may still have counted, so a charge is never repeated: use a
/// reservation's id where a caller repeats. A server that is out of memory, read-only, or refuses the password is unavailable.
/// </remarks>
internal sealed class RedisLimitStore : ILimitStore, INodeShare
{
    private readonly RedisStoreOptions _options;
    private readonly ILogger _log;
    private readonly RedisShapes _shapes;
    private readonly RedisLink _link;
    private readonly RedisDecisionQueue _queue;
    private readonly RedisHotKeys _hotKeys;
    private int _disposed;

    /// <summary>Starts connecting; never waits and never fails for a server that is not there.</summary>
    /// <param name="options">Address and behaviour; not changed afterwards.</param>
    /// <param name="time">Timeouts, leases and heartbeats run by it. The limits run by the server's clock.</param>
    /// <param name="loggers">Where the breaker's changes go.</param>
    /// <exception cref="FormatException">The address cannot be read.</exception>
    public RedisLimitStore(RedisStoreOptions options, TimeProvider time, ILoggerFactory loggers)
        : this(options, time, loggers, runByItself: true)
    {
    }

    internal RedisLimitStore(RedisStoreOptions options, TimeProvider time, ILoggerFactory loggers, bool runByItself)
    {
        _options = options;
        _log = loggers.CreateLogger<RedisLimitStore>();
        _shapes = new RedisShapes(options);
        var node = RandomNumberGenerator.GetBytes(8);
        _link = new RedisLink(options, time, _log, BinaryPrimitives.ReadUInt64LittleEndian(node), ProbeAsync);
        _queue = new RedisDecisionQueue(_link, _shapes, options);
        _hotKeys = new RedisHotKeys(options, _shapes, time);
        Leases = new RedisLeases(options, _link, _shapes, _hotKeys, time, node, runByItself);
        Share = new RedisNodeShare(options, _link, _shapes, _hotKeys, time, node, runByItself);
    }

    /// <summary>What it has done so far.</summary>
    public RedisStatistics Statistics => _link.Statistics;

    /// <summary>Whether the server is being asked; false while the breaker is open.</summary>
    public bool IsAvailable => _link.IsAvailable;

    /// <summary>Why the last call failed, or null.</summary>
    public string? LastFault => _link.LastFault;

    internal RedisLeases Leases { get; }

    internal RedisNodeShare Share { get; }

    public ValueTask<StoreVerdict> AcquireAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: false);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<StoreVerdict>(cancellationToken);
        if (Leases.TryDecide(checks.Span, outcomes.Span, out var verdict, out var isShort))
            return new(verdict);
        if (!_link.IsAvailable)
            return Unavailable();
        return isShort is null
            ? _queue.DecideAsync(checks, outcomes, peek: false, cancellationToken)
            : AcquireAfterRefillAsync(isShort, checks, outcomes, cancellationToken);
    }

    public ValueTask<StoreVerdict> PeekAsync(
        ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default)
    {
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        return _link.IsAvailable ? _queue.DecideAsync(checks, outcomes, peek: true, cancellationToken) : Unavailable();
    }

    public async ValueTask<StoreVerdict> ReserveAsync(
        string reservationId,
        ReadOnlyMemory<LimitCheck> checks,
        Memory<LimitOutcome> outcomes,
        TimeSpan expiresAfter,
        CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateReservation(reservationId, expiresAfter);
        LimitChecks.Validate(checks.Span, outcomes.Length, concurrency: true);
        if (!_link.IsAvailable)
            return await Unavailable();

        var (keys, arguments) = WriteReservation(reservationId, checks.Span, expiresAfter);
        var answer = (byte[]?)await RunAsync(RedisScript.Reserve, keys, arguments, cancellationToken);
        if (answer is null)
            return await Unavailable();
        Interlocked.Increment(ref Statistics.RemoteDecisions);
        var now = (long)BinaryPrimitives.ReadDoubleLittleEndian(answer);

        if (answer.Length != 8 + (checks.Length * RedisState.Size))
            throw new ArgumentException($"Reservation '{reservationId}' was made with other checks: repeat it as it was.", nameof(checks));
        var at = 8;
        var verdict = RedisAnswer.Read(answer, ref at, now, checks.Span, outcomes.Span, _shapes);
        if (verdict == StoreVerdict.Unavailable)
            _link.ReportBroken(checks.Span, _shapes);
        return verdict;
    }

    public async ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        LimitChecks.ValidateSettlement(reservationId, actualCost);
        if (!_link.IsAvailable)
            return SettleOutcome.Unavailable;
        var answer = await RunAsync(
            RedisScript.Settle,
            [_shapes.Epoch, _shapes.ReservationKey(reservationId)],
            [RedisClock.Argument(_options), RedisClock.Double(Math.Min(actualCost, RedisLimitShape.Most)), _options.ServerClock is null ? 0 : 3_600_000],
            cancellationToken);
        return answer is null ? SettleOutcome.Unavailable : (int)answer switch
        {
            1 => SettleOutcome.Settled,
            2 => SettleOutcome.AlreadySettled,
            3 => SettleOutcome.SettledLate,
            _ => SettleOutcome.Unknown,
        };
    }

    public double ShareOf(Limit limit, string key) => Share.ShareOf(limit, key);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await Share.DisposeAsync();
        await Leases.DisposeAsync();
        await _link.DisposeAsync();
    }

    private async ValueTask<StoreVerdict> AcquireAfterRefillAsync(
        RedisHotKey hot, ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellation)
    {
        await Leases.RefillAsync(hot).WaitAsync(cancellation);
        if (Leases.TryDecideAgain(checks.Span[0], hot, out var outcome, out var verdict))
        {
            outcomes.Span[0] = outcome;
            return verdict;
        }

        return _link.IsAvailable ? await _queue.DecideAsync(checks, outcomes, peek: false, cancellation) : await Unavailable();
    }

    private async ValueTask<RedisResult?> RunAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var call = _link.RunAsync(script, keys, arguments);
        return call.IsCompleted || !cancellation.CanBeCanceled ? await call : await call.AsTask().WaitAsync(cancellation);
    }

    private ValueTask<StoreVerdict> Unavailable()
    {
        Interlocked.Increment(ref Statistics.Unavailable);
        return new(StoreVerdict.Unavailable);
    }

    private (RedisKey[] Keys, RedisValue[] Arguments) WriteReservation(string id, ReadOnlySpan<LimitCheck> checks, TimeSpan expiresAfter)
    {
        var keys = new RedisKey[2 + checks.Length];
        keys[0] = _shapes.Epoch;
        keys[1] = _shapes.ReservationKey(id);
        var packed = new RedisChecks(_shapes, 1, checks.Length);
        packed.Add(checks, peek: false, reserve: true, keys.AsSpan(2));
        var weights = new byte[8 * checks.Length];
        for (var i = 0; i < checks.Length; i++)
            BinaryPrimitives.WriteDoubleLittleEndian(weights.AsSpan(8 * i), Math.Min(checks[i].Weight, RedisLimitShape.Most));
        var arguments = new RedisValue[5 + packed.Limits.Count];
        arguments[0] = RedisClock.Argument(_options);
        arguments[1] = packed.Packed;
        arguments[2] = id;
        arguments[3] = RedisClock.Double((expiresAfter.Ticks + 9) / 10);
        arguments[4] = weights;
        for (var i = 0; i < packed.Limits.Count; i++)
            arguments[5 + i] = packed.Limits[i].Packed;
        return (keys, arguments);
    }

    /// <summary>Charges a limit of the probe's own: only a server that can write is available.</summary>
    private async Task<bool> ProbeAsync(RedisLink link)
    {
        var limit = Limit.Create("tenfold-probe", LimitAlgorithm.TokenBucket, 1000, TimeSpan.FromSeconds(1));
        var checks = new RedisChecks(_shapes, 1, 1);
        var keys = new RedisKey[2];
        keys[0] = _shapes.Epoch;
        checks.Add([new LimitCheck(limit, "probe")], peek: false, reserve: false, keys.AsSpan(1));
        return await link.ProbeAsync(RedisScript.Decide, keys, [RedisClock.Argument(_options), checks.Packed, checks.Limits[0].Packed]) is not null;
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// A limit as the scripts want it, made once: its numbers packed, where its keys begin, and how a state that comes back reads as an outcome.
/// </summary>
/// <remarks>
/// Thread-safe. The scripts move states; what a state means to people (remaining, retry, reset) is reckoned here, in
/// integers of 128 bits.
/// </remarks>
internal sealed class RedisLimitShape
{
    /// <summary>Units asked for on this node, over all keys, since the last heartbeat.</summary>
    public long Offered;

    /// <summary>The greatest number that the scripts' doubles hold with a fraction to spare: 142 years in microseconds.</summary>
    public const long Most = 1L << 52;

    private const long MostAhead = 1L << 51;

    private readonly int _kind;
    private readonly long _permits;
    private readonly long _period;
    private readonly long _burst;
    private readonly long _modulus;
    private readonly long _unit = 1;
    private readonly long _burstTicks;
    private readonly long _burstFraction;
    private readonly LimitTerms _terms;

    public RedisLimitShape(Limit limit, RedisStoreOptions options)
    {
        Limit = limit;
        _kind = (int)limit.Algorithm + 1;
        _permits = Math.Min(limit.Permits, Most);
        _burst = Math.Min(limit.Burst, Most);
        _period = (limit.Period.Ticks + 9) / 10;
        if (options.Strict)
            DrawIn(options.ClockStepTolerance, ref _permits, ref _period, ref _burst);
        _modulus = _permits;
        if (limit.Algorithm == LimitAlgorithm.TokenBucket)
        {
            while ((Int128)_burst * _period / _permits / _unit > MostAhead && (Int128)_permits * _unit * 1000 <= Most)
                _unit *= 1000;
            _modulus = _permits * _unit;
            var (whole, rest) = Int128.DivRem((Int128)_burst * _period, _modulus);
            (_burstTicks, _burstFraction) = whole > MostAhead ? (MostAhead, 0) : ((long)whole, (long)rest);
            _burst = (long)Int128.Min(_burst, (((Int128)_burstTicks * _modulus) + _burstFraction) / _period);
        }
        else if (limit.Algorithm == LimitAlgorithm.SlidingWindowCounter)
        {
            _terms = new LimitTerms(limit.Algorithm, _permits, TimeSpan.FromMicroseconds(_period), _burst);
        }

        var spare = options.ServerClock is null ? 0 : 3_600_000;
        var lost = options.Strict ? (long)RedisLeases.HeldFor(options).TotalMicroseconds : 0;
        IsPlainBucket = limit.Algorithm == LimitAlgorithm.TokenBucket && _unit == 1 && lost == 0 && CanPass(1);
        Packed = Pack([_permits, _period, _burst, _modulus, _unit, _burstTicks, _burstFraction, _terms.SubWindows, spare, lost]);
        // The id's length keeps ('a:b', 'c') and ('a', 'b:c') apart.
        var start = string.Create(CultureInfo.InvariantCulture, $":{Encoding.UTF8.GetByteCount(limit.Id)}:{limit.Id}:");
        PlainKeyStart = Encoding.UTF8.GetBytes($"{{{options.KeyPrefix}}}:k{start}");
        HashedKeyStart = Encoding.UTF8.GetBytes($"{{{options.KeyPrefix}}}:h{start}");
    }

    public Limit Limit { get; }

    /// <summary>Whether a script decides one unit of it without its library: a token bucket in ticks of a microsecond, not strict.</summary>
    public bool IsPlainBucket { get; }

    /// <summary>The limit as a script's argument.</summary>
    public byte[] Packed { get; }

    /// <summary>How the name of a state begins that is kept under its key as it is.</summary>
    public byte[] PlainKeyStart { get; }

    /// <summary>How the name of a state begins that is kept under its key's hash.</summary>
    public byte[] HashedKeyStart { get; }

    /// <summary>The most units at one instant.</summary>
    public long Burst => _burst;

    /// <summary>Units a microsecond, on average; infinite for concurrency.</summary>
    public double Rate => _kind == 5 ? double.PositiveInfinity : (double)_permits / _period;

    /// <summary>Whether a cost can ever pass.</summary>
    public bool CanPass(long cost) => cost <= _burst;

    /// <summary>What a state says of a cost.</summary>
    /// <param name="state">The state after the decision, as a script answered it.</param>
    /// <param name="now">The server's time, microseconds.</param>
    /// <param name="cost">What was asked for.</param>
    public LimitOutcome Outcome(in RedisState state, long now, long cost)
    {
        cost = Math.Clamp(cost, 1, Most);
        return Limit.Algorithm switch
        {
            LimitAlgorithm.TokenBucket => OfBucket(state, now / _unit, cost),
            LimitAlgorithm.FixedWindow => OfWindow(state, now, cost),
            LimitAlgorithm.SlidingWindowCounter => OfCounter(state, now, cost),
            LimitAlgorithm.SlidingWindowLog => OfLog(state, now, cost),
            _ => new(state.HasRoom, Math.Max(0, _permits - state.Held), state.HasRoom ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, TimeSpan.Zero),
        };
    }

    /// <summary>
    /// Narrows a limit so that it holds in true time although the server's clock may step forward by the tolerance: a bucket that gains what
    /// the step mints stays within the burst, a window that the step shortens still covers the period.
    /// </summary>
    private void DrawIn(TimeSpan tolerance, ref long permits, ref long period, ref long burst)
    {
        var step = (long)tolerance.TotalMicroseconds;
        if (Limit.Algorithm == LimitAlgorithm.TokenBucket)
        {
            var minted = (((Int128)step * permits) + period - 1) / period;
            if (minted < burst)
            {
                burst -= (long)minted;
                return;
            }

            // The burst is less than a step mints: the rate gives way too, down to one unit a step and period together.
            period += (long)((((Int128)step * permits) + burst - 1) / burst);
            burst = 1;
        }
        else if (Limit.Algorithm is LimitAlgorithm.SlidingWindowCounter or LimitAlgorithm.SlidingWindowLog)
        {
            period += step;
        }
    }

    private byte[] Pack(ReadOnlySpan<long> numbers)
    {
        var signature = string.Create(CultureInfo.InvariantCulture, $"{_kind}/{_permits}/{_period}/{_burst}/{_unit}");
        var packed = new byte[1 + (8 * numbers.Length) + signature.Length];
        packed[0] = (byte)_kind;
        var at = 1;
        foreach (var number in numbers)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(packed.AsSpan(at), number);
            at += 8;
        }

        Encoding.ASCII.GetBytes(signature, packed.AsSpan(at));
        return packed;
    }

    private LimitOutcome OfBucket(in RedisState state, long now, long cost)
    {
        // All in parts of 1/modulus of a tick: a unit of cost is then exactly the period.
        var owed = state.A > now || (state.A == now && state.B > 0) ? (((Int128)state.A - now) * _modulus) + state.B : 0;
        var capacity = ((Int128)_burstTicks * _modulus) + _burstFraction;
        var room = capacity - owed - ((Int128)state.Held * _modulus) - state.HeldFraction;
        var remaining = room > 0 ? (long)(room / _period) : 0;
        var reset = Microseconds(CeilDivide(owed, _modulus) * _unit);
        if (state.HasRoom)
            return new(true, remaining, TimeSpan.Zero, reset);
        var lacking = ((Int128)cost * _period) - room;
        return new(false, remaining, lacking <= owed ? Microseconds(CeilDivide(lacking, _modulus) * _unit) : Timeout.InfiniteTimeSpan, reset);
    }

    private LimitOutcome OfWindow(in RedisState state, long now, long cost)
    {
        var left = Math.Max(0, _permits - state.B - state.Held);
        var ends = state.B > 0 ? Microseconds(state.A + _period - now) : TimeSpan.Zero;
        if (state.HasRoom)
            return new(true, left, TimeSpan.Zero, ends);
        return new(false, left, cost + state.Held <= _permits ? ends : Timeout.InfiniteTimeSpan, ends);
    }

    private LimitOutcome OfCounter(in RedisState state, long now, long cost)
    {
        // In nanoseconds as the embedded engine counts: sub-windows begin at fractions of the period, so the unit does not matter.
        var newer = ((_terms.SubWindows + 1) / 2) * _terms.CountBits;
        var counted = SlidingWindowCounter.StateOf(_terms, state.A, (ulong)state.B | ((ulong)state.C << newer)) with { Held = state.Held };
        var decision = SlidingWindowCounter.Decide(_terms, ref counted, now * 1000, cost, charge: false);
        var reset = Microseconds(CeilDivide(decision.ResetAfter, 1000));
        if (state.HasRoom)
            return new(true, Math.Max(0, _permits - SlidingWindowCounter.Used(_terms, counted, now * 1000) - state.Held), TimeSpan.Zero, reset);
        if (decision.RetryAfter == Decision.Never)
            return new(false, decision.Remaining, Timeout.InfiniteTimeSpan, reset);
        return new(false, decision.Remaining, Microseconds(Math.Max(1, (long)CeilDivide(decision.RetryAfter, 1000))), reset);
    }

    private LimitOutcome OfLog(in RedisState state, long now, long cost)
    {
        var left = Math.Max(0, _permits - state.A - state.Held);
        var reset = state.A > 0 ? Microseconds(state.C + _period - now) : TimeSpan.Zero;
        if (state.HasRoom)
            return new(true, left, TimeSpan.Zero, reset);
        return new(false, left, state.Later > 0 ? Microseconds(Math.Max(1, state.Later - now)) : Timeout.InfiniteTimeSpan, reset);
    }

    private static Int128 CeilDivide(Int128 value, long by) => (value + by - 1) / by;

    private static TimeSpan Microseconds(Int128 value) =>
        value <= 0 ? TimeSpan.Zero : value >= long.MaxValue / 10 ? TimeSpan.MaxValue : new TimeSpan((long)value * 10);
}

/// <summary>A limit's state for one key as a script answers it: 49 bytes, or 17 in the short form (RedisDecide.lua).</summary>
/// <param name="Room">0 no room, 1 room, 2 the key holds no state.</param>
/// <param name="A">See RedisPrelude.lua.</param>
/// <param name="B">See RedisPrelude.lua.</param>
/// <param name="C">See RedisPrelude.lua.</param>
/// <param name="Held">What reservations and leases hold.</param>
/// <param name="HeldFraction">Its fraction of a tick.</param>
/// <param name="Later">A full log: when it has room again.</param>
internal readonly record struct RedisState(byte Room, long A, long B, long C, long Held, long HeldFraction, long Later)
{
    public const int Size = 49;

    private const int ShortSize = 17;
    private const byte ShortNoRoom = 3;

    public bool HasRoom => Room == 1;

    public bool IsBroken => Room == 2;

    /// <summary>Reads one state and moves past it.</summary>
    public static RedisState Read(ReadOnlySpan<byte> answer, ref int at)
    {
        var one = answer[at..];
        if (one[0] >= ShortNoRoom)
        {
            at += ShortSize;
            return new((byte)(one[0] - ShortNoRoom), Number(one, 1), Number(one, 9), 0, 0, 0, 0);
        }

        at += Size;
        return new(one[0], Number(one, 1), Number(one, 9), Number(one, 17), Number(one, 25), Number(one, 33), Number(one, 41));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Number(ReadOnlySpan<byte> answer, int at) => (long)BinaryPrimitives.ReadDoubleLittleEndian(answer[at..]);
}

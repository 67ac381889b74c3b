using System.Numerics;

namespace Tenfold.RateLimiting.Tests.Algorithms;

/// <summary>
/// What an algorithm means, written as slowly and plainly as possible and by other arithmetic than the product's: whole histories and unlimited integers.
/// Time never steps back here; the caller passes the latest instant seen.
/// </summary>
internal abstract class ExactModel
{
    public abstract bool HasRoom(long now, long cost);

    public abstract void Charge(long now, long cost);

    public abstract long Remaining(long now);

    public static ExactModel Of(Limit limit) => limit.Algorithm switch
    {
        LimitAlgorithm.TokenBucket => new Tokens(limit),
        LimitAlgorithm.FixedWindow => new Windows(limit),
        LimitAlgorithm.SlidingWindowCounter => new TwoWindows(limit),
        LimitAlgorithm.SlidingWindowLog => new History(limit),
        _ => throw new ArgumentOutOfRangeException(nameof(limit)),
    };

    /// <summary>Tokens that drip in: the bucket as textbooks tell it, counted in fractions of a token.</summary>
    private sealed class Tokens(Limit limit) : ExactModel
    {
        private readonly BigInteger _unit = limit.Period.Ticks * 100;
        private BigInteger _tokens = (BigInteger)limit.Burst * limit.Period.Ticks * 100;
        private long _at;

        public override bool HasRoom(long now, long cost) => Refill(now) >= cost * _unit;

        public override void Charge(long now, long cost)
        {
            _tokens = Refill(now) - (cost * _unit);
            _at = now;
        }

        public override long Remaining(long now) => (long)BigInteger.Max(0, Refill(now) / _unit);

        private BigInteger Refill(long now) =>
            BigInteger.Min(limit.Burst * _unit, _tokens + ((BigInteger)(now - _at) * limit.Permits));
    }

    private sealed class Windows(Limit limit) : ExactModel
    {
        private readonly Dictionary<long, long> _used = [];

        public override bool HasRoom(long now, long cost) => cost <= limit.Permits - Used(now);

        public override void Charge(long now, long cost) => _used[Window(now)] = Used(now) + cost;

        public override long Remaining(long now) => Math.Max(0, limit.Permits - Used(now));

        private long Window(long now) => now / (limit.Period.Ticks * 100);

        private long Used(long now) => _used.GetValueOrDefault(Window(now));
    }

    private sealed class TwoWindows(Limit limit) : ExactModel
    {
        private readonly Dictionary<long, long> _used = [];
        private readonly long _period = limit.Period.Ticks * 100;

        public override bool HasRoom(long now, long cost) => Weight(now) + ((BigInteger)cost * _period) <= (BigInteger)limit.Permits * _period;

        public override void Charge(long now, long cost) => _used[now / _period] = _used.GetValueOrDefault(now / _period) + cost;

        public override long Remaining(long now)
        {
            var free = ((BigInteger)limit.Permits * _period) - Weight(now);
            return free < 0 ? 0 : (long)(free / _period);
        }

        /// <summary>Weighted units times the period.</summary>
        private BigInteger Weight(long now) =>
            ((BigInteger)_used.GetValueOrDefault(now / _period) * _period)
            + ((BigInteger)_used.GetValueOrDefault((now / _period) - 1) * (_period - (now % _period)));
    }

    private sealed class History(Limit limit) : ExactModel
    {
        private readonly List<(long At, long Cost)> _admitted = [];

        public override bool HasRoom(long now, long cost) => cost <= limit.Permits - Used(now);

        public override void Charge(long now, long cost) => _admitted.Add((now, cost));

        public override long Remaining(long now) => Math.Max(0, limit.Permits - Used(now));

        private long Used(long now) => _admitted.Where(entry => entry.At > now - (limit.Period.Ticks * 100)).Sum(entry => entry.Cost);
    }
}

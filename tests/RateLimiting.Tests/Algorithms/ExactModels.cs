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
        LimitAlgorithm.SlidingWindowCounter => new SubWindows(limit),
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

    /// <summary>A count for each sub-window that ever was; the units of one that is only partly in the period leave one by one.</summary>
    private sealed class SubWindows(Limit limit) : ExactModel
    {
        private static readonly (long Greatest, int Number)[] Sizes =
            [(127, 8), (511, 6), (1023, 5), (4095, 4), (32_767, 3), (2_097_151, 2), (int.MaxValue, 1)];

        private readonly Dictionary<BigInteger, long> _used = [];
        private readonly BigInteger _period = limit.Period.Ticks * 100;
        private readonly int _number = (int)Math.Min(Sizes.First(size => limit.Permits <= size.Greatest).Number, Math.Ceiling(limit.Period.TotalMicroseconds));

        /// <summary>The most that a count tells: what 63 bits leave for each.</summary>
        private long Greatest => Math.Min((1L << (63 / (_number + 1))) - 1, int.MaxValue);

        public override bool HasRoom(long now, long cost) => Weight(now) + cost <= limit.Permits;

        public override void Charge(long now, long cost) => _used[Of(now)] = Math.Min(_used.GetValueOrDefault(Of(now)) + cost, Greatest);

        public override long Remaining(long now) => Math.Max(0, limit.Permits - Weight(now));

        private BigInteger Of(long now) => now * (BigInteger)_number / _period;

        private long Weight(long now)
        {
            var current = Of(now);
            var sum = Enumerable.Range(0, _number).Sum(age => _used.GetValueOrDefault(current - age));
            var oldest = _used.GetValueOrDefault(current - _number);

            // Unit i of the oldest left when (2i - 1) / (2 x oldest) of a sub-window had passed.
            var passed = (now * (BigInteger)_number) - (current * _period);
            var left = ((2 * oldest * passed) + _period) / (2 * _period);
            return sum + oldest - (long)left;
        }
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

using System.Collections.Frozen;
using System.Numerics;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// Finds the rules that a request meets, without asking each rule: one bit a rule; for each attribute that any rule asks about, the bits that
/// its value allows (a lookup for plain values and addresses, one test for each distinct pattern); the rules that are left are the intersection.
/// Cost grows with the attributes asked about and the distinct patterns, not with rules.
/// </summary>
internal sealed class RuleMatcher
{
    private readonly AttributeIndex[] _indexes;
    private readonly ulong[] _always;
    private readonly ulong[] _onlyWhenRequired;
    private readonly FrozenDictionary<string, int> _byName;

    /// <summary>Compiles the rules.</summary>
    /// <param name="rules">The rules, in order.</param>
    /// <param name="slotOf">The place of an attribute's value.</param>
    public RuleMatcher(IReadOnlyList<Rule> rules, Func<string, int> slotOf)
    {
        Words = (rules.Count + 63) / 64;
        _always = new ulong[Words];
        _onlyWhenRequired = new ulong[Words];
        for (var i = 0; i < rules.Count; i++)
            Set(rules[i].OnlyWhenRequired ? _onlyWhenRequired : _always, i);
        _byName = rules.Select((rule, i) => (rule.Name, i)).ToFrozenDictionary(r => r.Name, r => r.i, StringComparer.Ordinal);
        var attributes = rules.SelectMany(r => r.Conditions).Select(c => c.Attribute).Distinct(StringComparer.OrdinalIgnoreCase);
        _indexes = [.. attributes.Select(name => new AttributeIndex(name, slotOf(name), rules, Words))];
    }

    /// <summary>How many words the bits of all rules take.</summary>
    public int Words { get; }

    /// <summary>Whether a rule of that name is there.</summary>
    public bool Knows(string name) => _byName.ContainsKey(name);

    /// <summary>Sets the bits of the rules that the request meets.</summary>
    /// <param name="values">The attributes' values by slot, normalised.</param>
    /// <param name="required">Names of rules that the endpoint asks for.</param>
    /// <param name="bits">Receives one bit a rule; <see cref="Words"/> long.</param>
    public void Match(string?[] values, IReadOnlyList<string>? required, Span<ulong> bits)
    {
        _always.CopyTo(bits);
        if (required is not null)
        {
            foreach (var name in required)
            {
                if (_byName.TryGetValue(name, out var rule))
                    Set(bits, rule);
            }
        }

        foreach (var index in _indexes)
        {
            if (!index.Intersect(values[index.Slot], bits))
                return;
        }
    }

    /// <summary>The place of the first set bit, which is cleared; -1 when none is left.</summary>
    public static int Next(Span<ulong> bits)
    {
        for (var word = 0; word < bits.Length; word++)
        {
            if (bits[word] == 0)
                continue;
            var bit = BitOperations.TrailingZeroCount(bits[word]);
            bits[word] &= bits[word] - 1;
            return (word * 64) + bit;
        }

        return -1;
    }

    private static void Set(Span<ulong> bits, int rule) => bits[rule >> 6] |= 1UL << (rule & 63);

    /// <summary>What each value of one attribute allows.</summary>
    private sealed class AttributeIndex
    {
        private readonly ulong[] _indifferent;
        private readonly ulong[] _negated;
        private readonly FrozenDictionary<string, ulong[]> _exact;
        private readonly (Glob Pattern, ulong[] Bits)[] _patterns;
        private readonly (int Length, UInt128 Mask, FrozenDictionary<UInt128, ulong[]> Networks)[] _networks;

        public AttributeIndex(string name, int slot, IReadOnlyList<Rule> rules, int words)
        {
            Slot = slot;
            _indifferent = new ulong[words];
            _negated = new ulong[words];
            var comparer = AttributeNames.IgnoresCase(name) ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
            var exact = new Dictionary<string, ulong[]>(comparer);
            var patterns = new Dictionary<string, (Glob Pattern, ulong[] Bits)>(StringComparer.Ordinal);
            var networks = new Dictionary<IpNetwork, ulong[]>();
            for (var i = 0; i < rules.Count; i++)
            {
                var condition = rules[i].Conditions.FirstOrDefault(c => c.Attribute.Equals(name, StringComparison.OrdinalIgnoreCase));
                if (condition is null)
                {
                    Set(_indifferent, i);
                    continue;
                }

                if (condition.Negated)
                    Set(_negated, i);
                foreach (var pattern in condition.Patterns)
                {
                    if (pattern.Exact is { } text)
                        Set(BitsOf(exact, text, words), i);
                    else if (patterns.TryGetValue(pattern.Text, out var known))
                        Set(known.Bits, i);
                    else
                        Set((patterns[pattern.Text] = (pattern, new ulong[words])).Bits, i);
                }

                foreach (var network in condition.Networks)
                    Set(BitsOf(networks, network, words), i);
            }

            _exact = exact.ToFrozenDictionary(comparer);
            _patterns = [.. patterns.Values];
            _networks =
            [
                .. networks.GroupBy(n => n.Key.Length).Select(g =>
                    (g.Key, IpNetwork.Mask(g.Key), g.ToFrozenDictionary(n => n.Key.Prefix, n => n.Value))),
            ];
        }

        public int Slot { get; }

        /// <summary>Clears the bits of rules that the value does not allow; false when none is left.</summary>
        public bool Intersect(string? value, Span<ulong> bits)
        {
            // named[i]: the value is one of rule i's alternatives. Asked for and named, or excluded and not named, passes.
            Span<ulong> named = stackalloc ulong[bits.Length];
            if (!string.IsNullOrEmpty(value))
                FindNamed(value, named);
            var left = 0UL;
            for (var i = 0; i < bits.Length; i++)
            {
                bits[i] &= _indifferent[i] | ((named[i] ^ _negated[i]) & ~_indifferent[i]);
                left |= bits[i];
            }

            return left != 0;
        }

        private void FindNamed(string value, Span<ulong> named)
        {
            if (_exact.Count > 0 && _exact.TryGetValue(value, out var exact))
                Or(named, exact);
            foreach (var (pattern, patternBits) in _patterns)
            {
                if (pattern.Matches(value))
                    Or(named, patternBits);
            }

            if (_networks.Length == 0 || !IpNetwork.TryParseAddress(value, out var address))
                return;
            foreach (var (_, mask, networks) in _networks)
            {
                if (networks.TryGetValue(address & mask, out var networkBits))
                    Or(named, networkBits);
            }
        }

        private static void Or(Span<ulong> bits, ulong[] more)
        {
            for (var i = 0; i < bits.Length; i++)
                bits[i] |= more[i];
        }

        private static ulong[] BitsOf<TKey>(Dictionary<TKey, ulong[]> map, TKey key, int words)
            where TKey : notnull
        {
            if (!map.TryGetValue(key, out var bits))
                map[key] = bits = new ulong[words];
            return bits;
        }
    }
}

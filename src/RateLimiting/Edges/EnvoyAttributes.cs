using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Google.Protobuf.Collections;
using Entry = Envoy.Extensions.Common.Ratelimit.V3.RateLimitDescriptor.Types.Entry;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// A descriptor as the attributes that rules match: <c>domain</c>, then each entry under its key. A key that comes again is
/// <c>key#2</c>, <c>key#3</c>: Envoy may send <c>generic_key</c> several times.
/// </summary>
/// <remarks>Immutable. A few entries are found faster by looking at each than by hashing, and the message's own strings are used.</remarks>
internal sealed class EnvoyAttributes : IReadOnlyDictionary<string, string>
{
    private const string Domain = "domain";

    private readonly KeyValuePair<string, string>[] _attributes;

    public EnvoyAttributes(string domain, RepeatedField<Entry> entries)
    {
        _attributes = new KeyValuePair<string, string>[entries.Count + 1];
        _attributes[0] = new(Domain, domain);
        for (var i = 0; i < entries.Count; i++)
            _attributes[i + 1] = new(Name(entries[i].Key, i + 1), entries[i].Value);
    }

    public int Count => _attributes.Length;

    public IEnumerable<string> Keys
    {
        get
        {
            foreach (var (name, _) in _attributes)
                yield return name;
        }
    }

    public IEnumerable<string> Values
    {
        get
        {
            foreach (var (_, value) in _attributes)
                yield return value;
        }
    }

    public string this[string key] =>
        TryGetValue(key, out var value) ? value : throw new KeyNotFoundException($"The descriptor has no entry '{key}'.");

    public bool ContainsKey(string key) => TryGetValue(key, out _);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string value)
    {
        foreach (var (name, held) in _attributes)
        {
            if (!string.Equals(name, key, StringComparison.OrdinalIgnoreCase))
                continue;
            value = held;
            return true;
        }

        value = null;
        return false;
    }

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() =>
        ((IEnumerable<KeyValuePair<string, string>>)_attributes).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _attributes.GetEnumerator();

    private string Name(string key, int before)
    {
        var name = key;
        for (var repeat = 2; Holds(name, before); repeat++)
            name = string.Create(CultureInfo.InvariantCulture, $"{key}#{repeat}");
        return name;
    }

    private bool Holds(string name, int before)
    {
        for (var i = 0; i < before; i++)
        {
            if (string.Equals(_attributes[i].Key, name, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}

using System.Globalization;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Where a request's attributes are read from: a dictionary, or an HTTP request that is asked only for what the rules need.</summary>
internal interface IAttributes
{
    /// <summary>Refuses attributes that are out of bounds.</summary>
    /// <exception cref="ArgumentException">Too many, too long, or no name.</exception>
    void Check();

    /// <summary>Puts the value of each attribute that the rules ask about into its slot.</summary>
    void Read(RuleSet rules, string?[] values);

    /// <summary>All attributes, as they are kept for <c>why</c> and for replay.</summary>
    IReadOnlyDictionary<string, string> ToDictionary();
}

/// <summary>Attributes of a <see cref="RateLimitRequest"/>. Names are looked up without case, whatever the dictionary's comparer.</summary>
internal sealed class DictionaryAttributes(IReadOnlyDictionary<string, string> attributes) : IAttributes
{
    public void Check()
    {
        if (attributes.Count > RateLimitRequest.MaxAttributes)
        {
            throw new RequestFaultException(string.Create(
                CultureInfo.InvariantCulture,
                $"{attributes.Count} attributes: a request has at most {RateLimitRequest.MaxAttributes}. Send only what rules match or key on."));
        }

        foreach (var (name, value) in attributes)
            Check(name, value);
    }

    public void Read(RuleSet rules, string?[] values)
    {
        foreach (var (name, value) in attributes)
        {
            if (rules.Slots.TryGetValue(name, out var slot))
                values[slot] = AttributeNames.Normalise(name, value);
        }
    }

    public IReadOnlyDictionary<string, string> ToDictionary() => attributes;

    /// <summary>Refuses a name or value that is out of bounds.</summary>
    internal static void Check(string name, string? value)
    {
        if (name.Length is 0 or > AttributeNames.MaxLength)
        {
            throw new RequestFaultException(string.Create(
                CultureInfo.InvariantCulture, $"an attribute's name has {name.Length} characters: it must have 1 to {AttributeNames.MaxLength}."));
        }

        if (value?.Length > RateLimitRequest.MaxValueLength)
        {
            throw new RequestFaultException(string.Create(
                CultureInfo.InvariantCulture,
                $"attribute '{name}' has {value.Length} characters: at most {RateLimitRequest.MaxValueLength}. Send a hash of it instead."));
        }
    }
}

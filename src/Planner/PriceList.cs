using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tenfold.Planner;

/// <summary>Dated list prices with their sources, from a file that anyone can replace (<c>--prices FILE</c>).</summary>
/// <param name="Date">When the prices were read.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Region">Where they hold.</param>
/// <param name="Terms">On what terms: on demand, no commitment.</param>
/// <param name="HoursPerMonth">730 (8,760 hours a year by 12), as the clouds' own calculators use.</param>
/// <param name="Prices">Each price by name.</param>
public sealed record PriceList(
    DateOnly Date,
    string Currency,
    string Region,
    string Terms,
    double HoursPerMonth,
    IReadOnlyDictionary<string, Price> Prices)
{
    private const string Prefix = "prices/";

    /// <summary>The latest list that comes with Tenfold.</summary>
    public static PriceList Latest()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var name = assembly.GetManifestResourceNames().Where(resource => resource.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Last();
        using var stream = assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd(), name);
    }

    /// <summary>Reads a list from a file.</summary>
    /// <exception cref="PlannerException">The file is missing or faulty; the message names each fault.</exception>
    public static PriceList Load(string path)
    {
        if (!File.Exists(path))
            throw new PlannerException($"There is no price file '{path}'.");
        return Parse(File.ReadAllText(path), path);
    }

    /// <summary>Reads a list from JSON.</summary>
    /// <param name="json">The file's text.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="PlannerException">It is faulty; the message names each fault.</exception>
    public static PriceList Parse(string json, string name)
    {
        PriceList? list;
        try
        {
            list = JsonSerializer.Deserialize(json, PlannerJson.Default.PriceList);
        }
        catch (JsonException fault)
        {
            throw new PlannerException($"The price file '{name}' cannot be read: {fault.Message}", fault);
        }

        if (list is null)
            throw new PlannerException($"The price file '{name}' is empty.");
        var faults = list.Faults().ToList();
        return faults.Count == 0 ? list : throw new PlannerException($"The price file '{name}' is faulty: {string.Join("; ", faults)}.");
    }

    /// <summary>A price by name.</summary>
    /// <exception cref="PlannerException">The list has none.</exception>
    public Price this[string name] => Prices.TryGetValue(name, out var price)
        ? price
        : throw new PlannerException($"The price list of {Date:yyyy-MM-dd} has no '{name}'; it has: {string.Join(", ", Prices.Keys)}.");

    private IEnumerable<string> Faults()
    {
        if (Currency is not { Length: 3 })
            yield return "currency must be three letters";
        if (Date == default)
            yield return "date is missing";
        if (HoursPerMonth is not (>= 672 and <= 744))
            yield return $"hoursPerMonth = {HoursPerMonth}: must be 672 to 744";
        if (Prices is not { Count: > 0 })
        {
            yield return "prices are missing";
            yield break;
        }

        foreach (var (name, price) in Prices)
        {
            if (price.Amount is not (> 0 and < 1000))
                yield return $"{name}: amount = {price.Amount}: must be more than 0 and less than 1000";
            if (price.Per is not ("hour" or "GB" or "GiB-month"))
                yield return $"{name}: per = '{price.Per}': must be hour, GB (10^9 bytes) or GiB-month (2^30 bytes)";
            if (!Uri.TryCreate(price.Source, UriKind.Absolute, out var source) || source.Scheme != Uri.UriSchemeHttps)
                yield return $"{name}: source must be an https address";
            if (price.ReadOn == default || price.ReadOn > Date)
                yield return $"{name}: readOn must be given and not after the list's date";
            if (price.Per == "hour" && (price.Processors is not > 0 || price.MemoryGiB is not > 0))
                yield return $"{name}: an hourly machine needs processors and memoryGiB";
        }
    }
}

/// <summary>One price.</summary>
/// <param name="Amount">In the list's currency.</param>
/// <param name="Per"><c>hour</c>, <c>GB</c> (10^9 bytes) or <c>GiB-month</c> (2^30 bytes).</param>
/// <param name="What">What is bought.</param>
/// <param name="Source">Where the price was read.</param>
/// <param name="ReadOn">When it was read there.</param>
/// <param name="Processors">A machine's logical processors (hardware threads).</param>
/// <param name="MemoryGiB">A machine's memory in GiB (2^30 bytes).</param>
public sealed record Price(
    double Amount, string Per, string What, string Source, DateOnly ReadOn, double? Processors = null, [property: JsonPropertyName("memoryGiB")] double? MemoryGiB = null);

using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Reads what a replay is asked for: rules as configuration writes them, and traffic where the recorded one is not meant.</summary>
internal static class HttpReplay
{
    private const int MaxTraffic = 1_000_000;

    // Traffic that comes with the rules has no date: it begins with a day, and so with every window that divides one.
    private static readonly DateTimeOffset MadeUpBegan = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads the candidate rules and the traffic.</summary>
    /// <exception cref="ArgumentException">Faults; the message has one line for each.</exception>
    public static async ValueTask<(RuleSet Rules, IReadOnlyList<RecordedRequest> Traffic, DateTimeOffset Began)> ReadAsync(
        HttpContext context, TrafficRecorder recorder)
    {
        var body = await HttpRequestBodies.ReadJsonAsync<Body>(context, HttpRequestBodies.MaxReplayBytes);
        if (body.Rules is not { ValueKind: JsonValueKind.Array } rules)
            throw new RequestFaultException("""rules is missing: write { "rules": [ … ] }, each rule as in tenfold.json.""");
        var traffic = body.Traffic is null ? recorder.Read() : ReadTraffic(body.Traffic);
        if (traffic.Count == 0)
        {
            throw new RequestFaultException(recorder.Enabled
                ? "nothing is recorded yet: send some requests first, or give traffic with the rules."
                : $"nothing is recorded: set {RateLimitingOptions.Section}:Recording:Enabled = true, or give traffic with the rules.");
        }

        return (Compile(rules.GetRawText()), traffic, body.Traffic is null ? recorder.Began : MadeUpBegan);
    }

    private static RuleSet Compile(string rules)
    {
        var json = $$"""{ "Tenfold": { "RateLimiting": { "Rules": {{rules}} } } }""";
        var section = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build().GetSection(RateLimitingOptions.Section);
        var options = new RateLimitingOptions();
        var faults = new List<string>();
        StrictBinder.Bind(section, options, faults);
        var compiled = RuleCompiler.Compile(options.Rules, null, out var ruleFaults);
        faults.AddRange(ruleFaults);
        return compiled is not null && faults.Count == 0 ? compiled : throw new RequestFaultException(string.Join('\n', faults));
    }

    private static List<RecordedRequest> ReadTraffic(IReadOnlyList<Line> lines)
    {
        if (lines.Count > MaxTraffic)
            throw new RequestFaultException($"traffic has {lines.Count} requests: at most {MaxTraffic}.");
        var traffic = new List<RecordedRequest>(lines.Count);
        foreach (var line in lines)
        {
            if (!(line.AtSeconds >= 0) || line.AtSeconds > TimeSpan.FromDays(366).TotalSeconds)
                throw new RequestFaultException($"traffic: atSeconds = {line.AtSeconds}: must be 0 to a year.");
            var attributes = new Dictionary<string, string>(line.Attributes ?? [], StringComparer.OrdinalIgnoreCase);
            new DictionaryAttributes(attributes).Check();
            traffic.Add(new RecordedRequest(TimeSpan.FromSeconds(line.AtSeconds), attributes, Math.Max(0, line.Cost ?? 1)));
        }

        traffic.Sort((a, b) => a.At.CompareTo(b.At));
        return traffic;
    }

    private sealed record Body(JsonElement? Rules, IReadOnlyList<Line>? Traffic);

    private sealed record Line(double AtSeconds, Dictionary<string, string>? Attributes, long? Cost);
}

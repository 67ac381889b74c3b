using System.Globalization;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;
using Tenfold.Time;

namespace Tenfold.RateLimiting;

/// <summary>Finds every fault of the options at once, one line each: path, value, and what to write.</summary>
internal sealed class RateLimitingOptionsValidator(IEnumerable<LimitEngine> engines, HierarchicalSilo? silo = null) : IValidateOptions<RateLimitingOptions>
{
    private const string Path = RateLimitingOptions.Section;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RateLimitingOptions options)
    {
        var faults = new List<string>(options.ReadingFaults);
        CheckEngine(options.Engine, faults);
        var rules = RuleCompiler.Compile(options.Rules, null, out var ruleFaults);
        faults.AddRange(ruleFaults);
        CheckHierarchy(options, rules, faults);
        CheckHttp(options.Http, faults);
        InRange(faults, "Decisions:RejectedKept", options.Decisions.RejectedKept, 0, 1_000_000);
        InRange(faults, "Decisions:AdmittedKept", options.Decisions.AdmittedKept, 0, 1_000_000);
        InRange(faults, "Decisions:AdmittedPerSecond", options.Decisions.AdmittedPerSecond, 0, 1_000_000);
        InRange(faults, "Recording:MaxRequests", options.Recording.MaxRequests, 1, 10_000_000);
        InRange(faults, "Recording:MaxBytes", options.Recording.MaxBytes, 64L << 10, 16L << 30);
        faults.AddRange(options.Embedded.Faults().Select(f => $"{Path}:Embedded:{f}"));
        faults.AddRange(options.Redis.Faults($"{Path}:Redis"));
        faults.AddRange(options.Resp.Faults($"{Path}:Resp"));
        return faults.Count > 0 ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }

    // Enough to find the mistake, and never what may be a password.
    private static string SafePart(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var head = colon < 0 ? text : text[..(colon + 1)];
        return head.Contains('@', StringComparison.Ordinal) ? "…" : head.Length == text.Length ? text : $"{head}…";
    }

    private void CheckEngine(string text, List<string> faults)
    {
        var known = string.Join(" or ", engines.Select(e => e.Example).Distinct(StringComparer.Ordinal));
        if (!EngineAddress.TryParse(text, out var address))
            faults.Add(StrictBinder.Fault($"{Path}:Engine", SafePart(text), $"no engine address: write {known}"));
        else if (!engines.Any(e => e.Scheme == address.Scheme))
            faults.Add(StrictBinder.Fault($"{Path}:Engine", address.ToString(), $"no engine is called '{address.Scheme}': write {known}"));
        else if (address.Scheme.StartsWith("redis", StringComparison.Ordinal) && RedisAddress.Check(text) is { } fault)
            // What cannot be read is not shown: who knows where in it the password is.
            faults.Add(StrictBinder.Fault($"{Path}:Engine", $"{address.Scheme}://…", fault));
    }

    private void CheckHierarchy(RateLimitingOptions options, RuleSet? rules, List<string> faults)
    {
        var before = faults.Count;
        faults.AddRange(options.Hierarchy.Faults().Select(f => $"{Path}:Hierarchy:{f}"));
        if (!EngineAddress.TryParse(options.Engine, out var address) || address.Scheme != BuiltInEngines.Hierarchical.Scheme)
            return;
        if (HierarchicalServices.Fault(address) is { } fault)
            faults.Add(StrictBinder.Fault($"{Path}:Engine", $"{address.Scheme}://…", fault));
        foreach (var rule in rules?.Rules ?? [])
        {
            var refused = rule.Limits.Select(limit => options.Hierarchy.Refuses(limit, address)).FirstOrDefault(f => f is not null);
            if (refused is not null)
                faults.Add($"{Path}:Rules: rule '{rule.Name}': {refused}");
        }

        if (faults.Count == before && silo?.Address != address)
        {
            faults.Add(StrictBinder.Fault(
                $"{Path}:Engine", address.ToString(), "makes this process a silo, so it must be known when services are registered: call AddTenfoldRateLimiting(builder.Configuration)"));
        }
    }

    private static void CheckHttp(HttpEdgeOptions http, List<string> faults)
    {
        for (var i = 0; i < http.TrustedProxies.Count; i++)
        {
            if (!IpNetwork.TryParse(http.TrustedProxies[i], out _, out var fault))
                faults.Add(StrictBinder.Fault($"{Path}:Http:TrustedProxies:{i}", null, fault));
        }

        foreach (var (attribute, header) in http.Headers)
        {
            if (string.IsNullOrEmpty(header) || !header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
                faults.Add(StrictBinder.Fault($"{Path}:Http:Headers:{attribute}", header, "must be the name of a header, as X-Tenant"));
        }

        if (http.HoldExpiresAfter <= TimeSpan.Zero || http.HoldExpiresAfter > TimeSpan.FromDays(1))
            faults.Add(StrictBinder.Fault($"{Path}:Http:HoldExpiresAfter", Duration.Format(http.HoldExpiresAfter), "must be more than zero and at most 1d"));
    }

    private static void InRange(List<string> faults, string option, long value, long least, long most)
    {
        if (value < least || value > most)
            faults.Add(StrictBinder.Fault($"{Path}:{option}", value.ToString(CultureInfo.InvariantCulture), $"must be {least}-{most}"));
    }
}

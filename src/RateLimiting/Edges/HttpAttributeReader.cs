using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Reads attributes out of HTTP requests, as the options say; only those that rules ask about.</summary>
internal sealed class HttpAttributeReader
{
    /// <summary>An attribute of this prefix is the request header of the name that follows.</summary>
    public const string HeaderPrefix = "header.";

    // A chain longer than this is no proxy's work.
    private const int MaxForwarded = 2048;

    private readonly HttpEdgeOptions _options;
    private readonly IpNetwork[] _trusted;

    public HttpAttributeReader(IOptions<RateLimitingOptions> options)
    {
        _options = options.Value.Http;
        _trusted = [.. _options.TrustedProxies.Select(p => IpNetwork.TryParse(p, out var network, out _) ? network : default)];
    }

    /// <summary>The value of one attribute, or null.</summary>
    public string? Find(HttpContext context, string name)
    {
        if (_options.Headers.TryGetValue(name, out var header))
            return Header(context, header, secret: name.Equals(AttributeNames.Key, StringComparison.OrdinalIgnoreCase));
        if (name.StartsWith(HeaderPrefix, StringComparison.OrdinalIgnoreCase))
            return Header(context, name[HeaderPrefix.Length..], secret: false);
        return name.ToLowerInvariant() switch
        {
            AttributeNames.Path => Cut(context.Request.PathBase.HasValue ? context.Request.PathBase.Value + context.Request.Path.Value : context.Request.Path.Value),
            AttributeNames.Method => context.Request.Method,
            AttributeNames.Ip => Ip(context),
            AttributeNames.User => Claim(context, _options.UserClaim) ?? (_options.UserClaim == "sub" ? Claim(context, ClaimTypes.NameIdentifier) : null),
            AttributeNames.Tenant => Claim(context, _options.TenantClaim),
            AttributeNames.Tier => Claim(context, _options.TierClaim),
            AttributeNames.Domain => "http",
            _ => null,
        };
    }

    private static string? Claim(HttpContext context, string type) =>
        context.User.Identity is { IsAuthenticated: true } ? Cut(context.User.FindFirst(type)?.Value) : null;

    private static string? Header(HttpContext context, string name, bool secret)
    {
        var values = context.Request.Headers[name];
        if (values.Count == 0)
            return null;
        var value = Cut(values.Count == 1 ? values[0] : values.ToString());
        // A key opens doors: what counts, is logged and is shown must be something that does not.
        return secret && value is not null ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)).AsSpan(0, 8)) : value;
    }

    private string? Ip(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is not { } remote)
            return null;
        if (_trusted.Length == 0 || !IsTrusted(IpNetwork.ToNumber(remote)))
            return remote.ToString();
        var chain = context.Request.Headers["X-Forwarded-For"].ToString();
        if (chain.Length is 0 or > MaxForwarded)
            return remote.ToString();
        // Each proxy appends whom it saw: from the right, the first that is no proxy of ours is the client. All further left is hearsay.
        var hops = chain.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var client = remote.ToString();
        for (var i = hops.Length - 1; i >= 0; i--)
        {
            if (!IpNetwork.TryParseAddress(hops[i], out var address))
                return client;
            client = hops[i];
            if (!IsTrusted(address))
                break;
        }

        return client;
    }

    private bool IsTrusted(UInt128 address) => Array.Exists(_trusted, network => network.Contains(address));

    // Kestrel bounds a request line and its headers, so this bounds what is counted by and kept; the rest of an overlong value tells nothing apart.
    private static string? Cut(string? value) =>
        value?.Length > RateLimitRequest.MaxValueLength ? value[..RateLimitRequest.MaxValueLength] : value;
}

/// <summary>The attributes of one HTTP request.</summary>
internal sealed class HttpAttributes(HttpContext context, HttpAttributeReader reader, RuleSet rules) : IAttributes
{
    public void Check()
    {
    }

    public void Read(RuleSet rules, string?[] values)
    {
        for (var i = 0; i < rules.Attributes.Length; i++)
            values[i] = AttributeNames.Normalise(rules.Attributes[i], reader.Find(context, rules.Attributes[i]));
    }

    public IReadOnlyDictionary<string, string> ToDictionary()
    {
        var all = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in AttributeNames.WellKnown.Concat(rules.Attributes))
        {
            if (!all.ContainsKey(name) && reader.Find(context, name) is { Length: > 0 } value)
                all[name] = value;
        }

        return all;
    }
}

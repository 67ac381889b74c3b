using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Tenfold.RateLimiting.Rules;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>RAT-8: the bit-parallel matcher says what a naive one says, rule by rule.</summary>
public sealed class RuleMatcherTests
{
    private static readonly Gen<string> Segments = RuleHost.Any("a", "b", "ab", "A", "*", "a*", "{id}", "?");
    private static readonly Gen<string> PathPatterns = Segments.Array[1, 3].Select(s => "/" + string.Join('/', s));
    private static readonly Gen<string> Paths = RuleHost.Any("a", "b", "ab", "aab", "B").Array[0, 4].Select(s => "/" + string.Join('/', s));
    private static readonly Gen<string> Texts = RuleHost.Any("free", "fre", "gold", "golden", "", "FREE", "*", "a|b");
    private static readonly Gen<string> TextPatterns = RuleHost.Any("free", "g*", "*en", "?old", "*", "\\*", "a\\|b", "f*e");
    private static readonly Gen<string> Networks = RuleHost.Any(
        "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "2001:db8:0:1::/64", "::/0", "::ffff:10.0.0.0/104", "192.0.2.0/31", "*");

    private static readonly Gen<string> Addresses = RuleHost.Any(
        "10.1.2.3", "10.9.9.9", "::ffff:10.1.2.3", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::5", "[2001:db8::1]:443", "10.1.2.3:80", "nonsense", "");

    private static readonly Gen<Dictionary<string, string>> Matches = Gen.Select(
        Condition(PathPatterns), Condition(TextPatterns), Condition(Networks), Gen.Int[0, 7], (path, tier, ip, which) =>
        {
            var match = new Dictionary<string, string>(StringComparer.Ordinal);
            if ((which & 1) != 0)
                match["path"] = path;
            if ((which & 2) != 0)
                match["Tier"] = tier;
            if ((which & 4) != 0)
                match["ip"] = ip;
            return match;
        });

    private static readonly Gen<Dictionary<string, string>> Requests = Gen.Select(Paths, Texts, Addresses, Gen.Int[0, 7], (path, tier, ip, which) =>
    {
        var request = new Dictionary<string, string>(StringComparer.Ordinal);
        if ((which & 1) != 0)
            request["path"] = path;
        if ((which & 2) != 0)
            request["tier"] = tier;
        if ((which & 4) != 0)
            request["IP"] = ip;
        return request;
    });

    [Fact]
    public void Agrees_with_a_naive_matcher() => Gen.Select(Matches.Array[1, 80], Requests.Array[1, 8]).Sample(
        (rules, requests) =>
        {
            var compiled = Compile(rules);
            foreach (var request in requests)
            {
                var expected = Enumerable.Range(0, rules.Length).Where(i => NaiveMatches(rules[i], request));
                Assert.Equal(expected, Matched(compiled, request));
            }
        },
        iter: 3000);

    [Theory]
    [InlineData("/api/", "/api", true)]
    [InlineData("/api/", "/api/", true)]
    [InlineData("/api/users/{id}/", "/API/users/7", true)]
    [InlineData("/api/*", "/api", true)]
    [InlineData("/api/*", "/apix", false)]
    [InlineData("/", "/", true)]
    [InlineData("/a/{id}/c", "/a/b/x/c", false)]
    [InlineData("/a/{id}/c", "/a//c", false)]
    public void A_trailing_slash_and_case_of_a_path_never_walk_around_a_rule(string pattern, string path, bool matches)
    {
        var rules = Compile([new() { ["path"] = pattern }]);

        Assert.Equal(matches, Matched(rules, new() { ["path"] = path }).Count == 1);
    }

    [Fact]
    public void A_pattern_made_to_backtrack_stays_cheap()
    {
        var rules = Compile([new() { ["tier"] = string.Concat(Enumerable.Repeat("*a", 200)) + "b" }]);

        Assert.Empty(Matched(rules, new() { ["tier"] = new string('a', 8192) }));
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8::1", "2001:db8::/64")]
    [InlineData("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64")]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1::/64")]
    [InlineData("nonsense", "nonsense")]
    public void Addresses_are_counted_by_address_or_by_the_64_network(string ip, string key) => Assert.Equal(key, AttributeNames.KeyPart("ip", ip));

    [Fact]
    public void Networks_hold_what_the_runtime_says_they_hold() => Gen.Select(Gen.UInt, Gen.UInt, Gen.Int[0, 32], Gen.Bool).Sample(
        (network, address, bits, near) =>
        {
            var first = bits == 0 ? 0 : network & (uint.MaxValue << (32 - bits));
            var candidate = Address(near ? first | (address >> 1 >> Math.Max(0, bits - 1)) : address);
            var text = string.Create(CultureInfo.InvariantCulture, $"{Address(first)}/{bits}");
            Assert.True(IpNetwork.TryParse(text, out var ours, out _));
            Assert.True(IpNetwork.TryParseAddress(candidate.MapToIPv6().ToString(), out var number));
            Assert.Equal(IPNetwork.Parse(text).Contains(candidate), ours.Contains(number));
        });

    private static IPAddress Address(uint bits) => new([(byte)(bits >> 24), (byte)(bits >> 16), (byte)(bits >> 8), (byte)bits]);

    private static Gen<string> Condition(Gen<string> alternatives) => Gen.Select(
        Gen.Bool, alternatives.Array[1, 3], (negated, texts) => (negated ? "!" : "") + string.Join('|', texts));

    private static RuleSet Compile(Dictionary<string, string>[] matches)
    {
        var options = matches.Select((match, i) =>
        {
            var rule = new RuleOptions { Name = string.Create(CultureInfo.InvariantCulture, $"r{i}") };
            foreach (var (name, text) in match)
                rule.Match[name] = text;
            rule.Limits.Add(new LimitOptions { Permits = 1, Period = "1s" });
            return rule;
        }).ToArray();
        var rules = RuleCompiler.Compile(options, null, out var faults);
        Assert.Empty(faults);
        return rules!;
    }

    private static List<int> Matched(RuleSet rules, Dictionary<string, string> request)
    {
        var values = new string?[rules.Attributes.Length];
        new DictionaryAttributes(request).Read(rules, values);
        var bits = new ulong[rules.Matcher.Words];
        rules.Matcher.Match(values, null, bits);
        var matched = new List<int>();
        for (var at = RuleMatcher.Next(bits); at >= 0; at = RuleMatcher.Next(bits))
            matched.Add(at);
        return matched;
    }

    private static bool NaiveMatches(Dictionary<string, string> match, Dictionary<string, string> request) => match.All(condition =>
    {
        var name = condition.Key.ToLowerInvariant();
        var value = request.FirstOrDefault(r => r.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
        var negated = condition.Value[0] == '!';
        var named = !string.IsNullOrEmpty(value)
            && Regex.Split(condition.Value.TrimStart('!'), @"(?<!\\)\|").Any(alternative => NaiveNames(name, alternative, value));
        return named != negated;
    });

    private static bool NaiveNames(string name, string alternative, string value)
    {
        if (name == "ip" && alternative != "*")
            return NaiveIp(value) is { } address && NaiveContains(alternative, address);
        if (name != "path")
            return Regex.IsMatch(value, NaivePattern(alternative, false), RegexOptions.CultureInvariant);
        var path = value.Length > 1 ? value.TrimEnd('/') : value;
        return Regex.IsMatch(path, NaivePattern(alternative, true), RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)
            || (alternative.EndsWith("/*", StringComparison.Ordinal) && alternative.Length > 2
                && Regex.IsMatch(path, NaivePattern(alternative[..^2], true), RegexOptions.CultureInvariant | RegexOptions.IgnoreCase));
    }

    private static string NaivePattern(string glob, bool isPath)
    {
        var regex = new StringBuilder("^");
        foreach (Match part in Regex.Matches(glob, isPath ? @"\\.|\{[^}]*\}|." : @"\\.|."))
        {
            regex.Append(part.Value switch
            {
                "*" => ".*",
                "?" => ".",
                ['\\', _, ..] => Regex.Escape(part.Value[1..]),
                ['{', _, ..] => "[^/]+",
                _ => Regex.Escape(part.Value),
            });
        }

        return regex.Append(@"\z").ToString();
    }

    private static IPAddress? NaiveIp(string text) =>
        IPAddress.TryParse(text, out var plain) ? plain.MapToIPv6() : IPEndPoint.TryParse(text, out var at) ? at.Address.MapToIPv6() : null;

    private static bool NaiveContains(string network, IPAddress address)
    {
        var parts = network.Split('/');
        var first = IPAddress.Parse(parts[0]);
        var v4 = first.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork;
        var bits = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : v4 ? 32 : 128;
        return Bits(first.MapToIPv6())[..(v4 ? bits + 96 : bits)] == Bits(address)[..(v4 ? bits + 96 : bits)];
    }

    private static string Bits(IPAddress address) =>
        string.Concat(address.GetAddressBytes().Select(b => Convert.ToString(b, 2).PadLeft(8, '0')));
}

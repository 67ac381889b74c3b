using System.Text;

namespace Tenfold.RateLimiting.Edges;

/// <summary><c>CONFIG GET</c>: the few settings of Redis that tools ask for, as this limiter would answer them.</summary>
internal static class RespConfigCommand
{
    private static readonly (string Name, string Value)[] Settings =
    [
        ("appendonly", "no"),
        ("databases", "1"),
        ("replica-read-only", "yes"),
        ("save", ""),
        ("slave-read-only", "yes"),
        ("timeout", "0"),
    ];

    public static void Get(RespWriter output, ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> patterns)
    {
        var found = new List<(string Name, string Value)>();
        foreach (var (name, value) in Settings)
        {
            foreach (var pattern in patterns)
            {
                if (!Matches(pattern.In(input), name))
                    continue;
                found.Add((name, value));
                break;
            }
        }

        output.Map(found.Count);
        foreach (var (name, value) in found)
        {
            output.Bulk(name);
            output.Bulk(value);
        }
    }

    private static bool Matches(ReadOnlySpan<byte> pattern, string name)
    {
        if (pattern.SequenceEqual("*"u8))
            return true;
        return pattern.Length == name.Length && Ascii.EqualsIgnoreCase(pattern, name);
    }
}

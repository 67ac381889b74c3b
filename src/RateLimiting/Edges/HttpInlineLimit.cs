using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Tenfold.RateLimiting.Rules;
using Tenfold.Time;

namespace Tenfold.RateLimiting.Edges;

/// <summary>Reads a limit that a request brings along: <c>5/10s</c>, with burst and algorithm beside it.</summary>
/// <remarks>Thread-safe. Limits are kept by their text, so that an engine sees the same object again; bounded, since callers write the text.</remarks>
internal sealed class HttpInlineLimit
{
    /// <summary>What to write.</summary>
    public const string Syntax = "write permits/period, as limit=5/10s (units ms, s, m, h, d), or for concurrency permits alone";

    private const int MaxKept = 4096;

    private readonly ConcurrentDictionary<(string, string?, string?), Limit> _kept = new();
    private int _count;

    /// <summary>Reads a limit, or says what is wrong.</summary>
    public bool TryRead(string text, string? burst, string? algorithm, [NotNullWhen(true)] out Limit? limit, [NotNullWhen(false)] out string? fault)
    {
        if (_kept.TryGetValue((text, burst, algorithm), out limit))
        {
            fault = null;
            return true;
        }

        fault = Read(text, burst, algorithm, out limit);
        if (limit is null)
        {
            fault ??= Syntax;
            return false;
        }

        if (Volatile.Read(ref _count) < MaxKept && _kept.TryAdd((text, burst, algorithm), limit))
            Interlocked.Increment(ref _count);
        return true;
    }

    private static string? Read(string text, string? burstText, string? algorithmText, out Limit? limit)
    {
        limit = null;
        var algorithm = LimitAlgorithm.TokenBucket;
        if (algorithmText is not null && !RuleCompiler.TryReadAlgorithm(algorithmText, out algorithm))
            return $"algorithm = {Short(algorithmText)}: write {string.Join(", ", Enum.GetValues<LimitAlgorithm>().Select(RuleCompiler.AlgorithmName))}";
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var permitsText = slash < 0 ? text : text[..slash];
        var period = TimeSpan.Zero;
        if (!long.TryParse(permitsText, NumberStyles.None, CultureInfo.InvariantCulture, out var permits))
            return $"limit = {Short(text)}: {Syntax}";
        if (slash < 0 ? algorithm != LimitAlgorithm.Concurrency : !Duration.TryParse(text.AsSpan(slash + 1), out period))
            return $"limit = {Short(text)}: {Syntax}";
        long? burst = null;
        if (burstText is not null)
        {
            if (!long.TryParse(burstText, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                return $"burst = {Short(burstText)}: must be a whole number from 1";
            burst = number;
        }

        // The text is part of the id: two callers with different limits for one key must not share its state.
        var id = string.Create(
            CultureInfo.InvariantCulture,
            $"{RuleRateLimiter.InlineRule}/{permits}/{Duration.Format(period)}/{burst ?? permits}/{RuleCompiler.AlgorithmName(algorithm)}");
        if (Limit.Check(id, algorithm, permits, period, burst) is { } wrong)
            return $"limit = {Short(text)}: {wrong}";
        limit = Limit.Create(id, algorithm, permits, period, burst);
        return null;
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}

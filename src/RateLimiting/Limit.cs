using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Tenfold.RateLimiting.Algorithms;

namespace Tenfold.RateLimiting;

/// <summary>One limit: how much, in which time, counted how. State is kept for each pair of <see cref="Id"/> and key.</summary>
/// <remarks>Immutable and thread-safe. Make one a rule, not one a request.</remarks>
public sealed class Limit
{
    /// <summary>The greatest <see cref="Permits"/> and <see cref="Burst"/> of the window and concurrency algorithms.</summary>
    public const long MaxWindowPermits = int.MaxValue;

    /// <summary>The greatest <see cref="Permits"/> of a sliding window log, which remembers each admission.</summary>
    public const long MaxLogPermits = 100_000;

    /// <summary>The longest <see cref="Period"/>.</summary>
    public static readonly TimeSpan MaxPeriod = TimeSpan.FromDays(366);

    private Limit(string id, LimitAlgorithm algorithm, long permits, TimeSpan period, long burst)
    {
        Id = id;
        Algorithm = algorithm;
        Permits = permits;
        Period = period;
        Burst = burst;
        Terms = new LimitTerms(algorithm, permits, period, burst);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        IdHash = BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    /// <summary>The numbers as the algorithms want them.</summary>
    internal readonly LimitTerms Terms;

    /// <summary>Stands for the id where a fixed size is needed: 128 bits of its SHA-256.</summary>
    internal readonly UInt128 IdHash;

    /// <summary>The embedded store's hash up to the key, begun by the first store that used this limit.</summary>
    internal Engines.EmbeddedHashStart? HashStart;

    /// <summary>Names the limit for people and for state: <c>per-user/minute</c>. Two limits with one id share state.</summary>
    public string Id { get; }

    /// <summary>How it counts.</summary>
    public LimitAlgorithm Algorithm { get; }

    /// <summary>Units admitted a <see cref="Period"/>; for <see cref="LimitAlgorithm.Concurrency"/>, units held at a time.</summary>
    public long Permits { get; }

    /// <summary>The time over which <see cref="Permits"/> counts; zero for <see cref="LimitAlgorithm.Concurrency"/>.</summary>
    public TimeSpan Period { get; }

    /// <summary>The most units at one instant: the bucket's size for <see cref="LimitAlgorithm.TokenBucket"/>, else <see cref="Permits"/>.</summary>
    public long Burst { get; }

    /// <summary>
    /// The limit that this one replaced while hot, or null. A key's state that was kept under it is rescaled on the key's next
    /// request, so that a changed limit neither forgets nor multiplies what was used.
    /// </summary>
    public Limit? Replaced { get; private init; }

    /// <summary>Makes a limit.</summary>
    /// <param name="id">1 to 200 characters.</param>
    /// <param name="algorithm">How it counts.</param>
    /// <param name="permits">At least 1.</param>
    /// <param name="period">More than zero, at most <see cref="MaxPeriod"/>; ignored for <see cref="LimitAlgorithm.Concurrency"/>.</param>
    /// <param name="burst">At least 1; null means <paramref name="permits"/>. Only the token bucket has one of its own.</param>
    /// <exception cref="ArgumentException">A value is out of range; the message says which and what is allowed.</exception>
    public static Limit Create(string id, LimitAlgorithm algorithm, long permits, TimeSpan period, long? burst = null)
    {
        if (Check(id, algorithm, permits, period, burst) is { } fault)
            throw new ArgumentException(fault, nameof(permits));
        if (algorithm == LimitAlgorithm.Concurrency)
            period = TimeSpan.Zero;
        return new Limit(id, algorithm, permits, period, burst ?? permits);
    }

    /// <summary>Says what is wrong with the values of a limit, or null when nothing is.</summary>
    public static string? Check(string id, LimitAlgorithm algorithm, long permits, TimeSpan period, long? burst)
    {
        if (string.IsNullOrEmpty(id) || id.Length > 200)
            return $"a limit's id must have 1 to 200 characters, not {id?.Length ?? 0}";
        if (!Enum.IsDefined(algorithm))
            return $"{algorithm} is no algorithm: use {string.Join(", ", Enum.GetNames<LimitAlgorithm>())}";
        if (permits < 1)
            return $"permits = {permits}: must be at least 1";
        if (algorithm != LimitAlgorithm.Concurrency && (period <= TimeSpan.Zero || period > MaxPeriod))
            return $"period = {period}: must be more than zero and at most {MaxPeriod.TotalDays} days";
        if (burst < 1)
            return $"burst = {burst}: must be at least 1";
        if (algorithm != LimitAlgorithm.TokenBucket && burst is { } own && own != permits)
            return $"burst = {own}: only the token bucket has a burst apart from its permits ({permits})";
        if (algorithm == LimitAlgorithm.SlidingWindowLog && permits > MaxLogPermits)
            return $"permits = {permits}: a sliding window log holds at most {MaxLogPermits}; use a sliding window counter or a token bucket";
        if (algorithm is not LimitAlgorithm.TokenBucket && permits > MaxWindowPermits)
            return $"permits = {permits}: at most {MaxWindowPermits} for {algorithm}; use a token bucket for greater limits";
        return null;
    }

    /// <summary>This limit, set to take over the state of <paramref name="previous"/>, which must have the same <see cref="Id"/>.</summary>
    public Limit Replacing(Limit previous)
    {
        ArgumentNullException.ThrowIfNull(previous);
        if (!string.Equals(previous.Id, Id, StringComparison.Ordinal))
            throw new ArgumentException($"'{previous.Id}' and '{Id}' are different limits: only a limit of the same id can be replaced.", nameof(previous));
        return new Limit(Id, Algorithm, Permits, Period, Burst) { Replaced = previous };
    }

    /// <summary>As people write it: <c>100/1m burst 20 (token-bucket)</c>.</summary>
    public override string ToString() =>
        Algorithm == LimitAlgorithm.Concurrency
            ? $"{Permits} at a time"
            : $"{Permits} per {Period:c}{(Burst == Permits ? "" : $", burst {Burst}")} ({Algorithm})";
}

using System.Security.Cryptography;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Names decisions: 13 characters, ordered by time.</summary>
/// <remarks>Thread-safe, lock-free. The node's part is drawn once, so that two processes' ids rarely meet; they only serve to ask why.</remarks>
internal sealed class DecisionIds(TimeProvider time)
{
    // Crockford's base 32: no letters that people mistake for digits.
    private const string Digits = "0123456789abcdefghjkmnpqrstvwxyz";

    private readonly TimeOrderedIds _ids = new(RandomNumberGenerator.GetInt32(TimeOrderedIds.MaxNode + 1), time);

    /// <summary>The next id.</summary>
    public string Next() => string.Create(13, _ids.Next(), static (text, id) =>
    {
        for (var i = text.Length - 1; i >= 0; i--, id >>= 5)
            text[i] = Digits[(int)(id & 31)];
    });
}

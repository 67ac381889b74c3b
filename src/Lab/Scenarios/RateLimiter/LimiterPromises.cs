namespace Tenfold.Lab.Scenarios.RateLimiter;

/// <summary>What is promised, in the words of the record.</summary>
internal static class LimiterPromises
{
    public const string Law = "Never more admitted than the limit allows, in any interval, seen from outside";
    public const string Retry = "Every rejection says when to retry";
    public const string Answered = "Every request is answered by an admission or a rejection while no fault is on";
    public const string NoServerError = "No server error, faults included";
    public const string Utilised = "Under overload at least 95 % of the limit is used";
    public const string Restarts = "After kill -9 it serves again, and forgets at most one burst a key";
    public const string Pause = "A pause of the process loses no request";
}

/// <summary>A token bucket as the load asks for it.</summary>
/// <param name="RatePerSecond">Permits a second.</param>
/// <param name="Burst">The bucket's size.</param>
internal sealed record BucketShape(double RatePerSecond, double Burst);

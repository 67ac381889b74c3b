using System.Diagnostics;

namespace Tenfold.Testing;

/// <summary>Waits for a condition instead of a time: returns as soon as it holds, and fails with words when the deadline passes.</summary>
public static class Eventually
{
    /// <summary>How long a condition may take unless a test says otherwise: generous, since a busy machine is no fault.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <summary>Waits until the condition holds.</summary>
    /// <exception cref="TimeoutException">It did not hold before the deadline; the message says what was awaited.</exception>
    public static Task HoldsAsync(Func<bool> condition, string what, TimeSpan? deadline = null) =>
        HoldsAsync(() => ValueTask.FromResult(condition()), what, deadline);

    /// <summary>Waits until the condition holds.</summary>
    /// <exception cref="TimeoutException">It did not hold before the deadline; the message says what was awaited.</exception>
    public static async Task HoldsAsync(Func<ValueTask<bool>> condition, string what, TimeSpan? deadline = null)
    {
        var limit = deadline ?? Deadline;
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit)
                throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s in vain for: {what}");
            await Task.Delay(Pause);
        }
    }
}

using System.Collections.Concurrent;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Faults;

/// <summary>Faults that happen at set moments of a phase, and the marks they leave in the record.</summary>
internal sealed class FaultPlan(LabClock clock)
{
    private readonly ConcurrentQueue<FaultMark> _marks = new();
    private volatile string? _current;

    public IReadOnlyList<FaultMark> Marks => [.. _marks.OrderBy(mark => mark.Start)];

    /// <summary>The fault that is on now, or null.</summary>
    public string? Current => _current;

    /// <summary>Waits, starts the fault, keeps it up, ends it.</summary>
    /// <param name="name">What the record shows.</param>
    /// <param name="after">How long after now it begins.</param>
    /// <param name="lasting">How long it lasts, apart from the time that begin and end take.</param>
    /// <param name="begin">Starts it.</param>
    /// <param name="end">Ends it; runs even when the run is broken off.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task InjectAsync(
        string name, TimeSpan after, TimeSpan lasting, Func<Task> begin, Func<Task> end, CancellationToken cancellationToken)
    {
        await Task.Delay(after, clock.Time, cancellationToken);
        var start = clock.Seconds;
        _current = name;
        try
        {
            await begin();
            await Task.Delay(lasting, clock.Time, cancellationToken);
        }
        finally
        {
            await end();
            _current = null;
            _marks.Enqueue(new FaultMark(name, start, clock.Seconds));
        }
    }
}

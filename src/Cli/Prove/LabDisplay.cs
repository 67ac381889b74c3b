using System.Globalization;
using Tenfold.Lab;

namespace Tenfold.Cli.Prove;

/// <summary>Shows a running scenario: one line redrawn on a terminal, one line a phase or a fault elsewhere.</summary>
internal sealed class LabDisplay(TextWriter output) : IProgress<LabProgress>, IDisposable
{
    private const int BarWidth = 20;

    private readonly Lock _gate = new();
    private readonly bool _redraw = !Console.IsErrorRedirected;
    private string _phase = "";
    private string? _fault;
    private int _drawn;

    public void Report(LabProgress value)
    {
        lock (_gate)
        {
            if (value.Phase != _phase)
                Print($"[{value.PhaseNumber}/{value.PhaseCount}] {value.Phase}");
            if (value.Fault != _fault && value.Fault is not null)
                Print($"      fault: {value.Fault}");
            (_phase, _fault) = (value.Phase, value.Fault);
            if (_redraw)
                Draw(Line(value));
        }
    }

    /// <summary>Leaves the terminal's line free for what follows.</summary>
    public void Finish()
    {
        lock (_gate)
            Draw("");
    }

    public void Dispose() => Finish();

    private static string Line(LabProgress p)
    {
        var done = Math.Clamp(p.PhaseNumber * BarWidth / Math.Max(p.PhaseCount, 1), 0, BarWidth);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{new string('#', done)}{new string('.', BarWidth - done)} {p.Elapsed.TotalSeconds,4:0} s  offered {FigureText.Brief(p.OfferedPerSecond)}/s  achieved {FigureText.Brief(p.AchievedPerSecond)}/s  p50 {FigureText.Seconds(p.Latency.P50)}  p99 {FigureText.Seconds(p.Latency.P99)}  p99.9 {FigureText.Seconds(p.Latency.P999)}  promises {p.PromisesChecked:N0} checked, {p.PromisesBroken:N0} broken");
    }

    private void Print(string line)
    {
        Draw("");
        output.WriteLine(line);
    }

    private void Draw(string line)
    {
        if (!_redraw)
            return;
        output.Write('\r' + line.PadRight(_drawn) + (line.Length == 0 ? "\r" : ""));
        _drawn = line.Length;
    }
}

namespace Tenfold.Lab;

/// <summary>How a scenario is run. Everything that a repeat of the run needs is in here and ends in the record.</summary>
public sealed record LabOptions
{
    /// <summary>Where records are kept (<c>DATA/lab/&lt;id&gt;/</c>). Default <c>.tenfold</c> under the working directory.</summary>
    public string DataDirectory { get; init; } = ".tenfold";

    /// <summary>Decides keys and arrival times. The same seed offers the same load. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Multiplies the length of each phase, 0.05 to 20. Default 1: the whole run in under two minutes.</summary>
    public double TimeScale { get; init; } = 1;

    /// <summary>Also run the scenario's part with Redis as the engine; needs <c>redis-server</c> on the PATH. Default false.</summary>
    public bool Redis { get; init; }

    /// <summary>The most requests a second that any phase may offer: bounds the machine's load. Default 400,000.</summary>
    public double MaxRatePerSecond { get; init; } = 400_000;

    /// <summary>The longest that the run may take before it is broken off. Default 10 minutes.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The program that serves: it is started as <c>&lt;ServerCommand&gt; up --http … --data …</c>. Default: this process's own
    /// program, with its assembly where <c>dotnet</c> runs it.
    /// </summary>
    public IReadOnlyList<string> ServerCommand { get; init; } = OwnCommand();

    /// <summary>The command line that repeats the run, as the record shows it. Default: made from the scenario and these options.</summary>
    public string? Command { get; init; }

    /// <summary>Source of time. Default the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>These options, set to repeat a recorded run: its seed, time scale and parts.</summary>
    public LabOptions Repeating(LabRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return this with { Seed = record.Seed, TimeScale = record.TimeScale, Redis = record.Redis, Command = record.Command };
    }

    /// <summary>Throws when a value is out of range.</summary>
    /// <exception cref="LabException">Names the option, its value and the range.</exception>
    public void Validate()
    {
        if (TimeScale is not (>= 0.05 and <= 20))
            throw new LabException($"time scale = {TimeScale}: must be 0.05 to 20.");
        if (MaxRatePerSecond is not (>= 100 and <= 5_000_000))
            throw new LabException($"highest rate = {MaxRatePerSecond}: must be 100 to 5,000,000 requests a second.");
        if (Deadline < TimeSpan.FromSeconds(1) || Deadline > TimeSpan.FromHours(4))
            throw new LabException($"deadline = {Deadline}: must be one second to four hours.");
        if (ServerCommand.Count == 0)
            throw new LabException("The server's command is empty: give the program to start, as 'tenfold'.");
    }

    private static string[] OwnCommand()
    {
        var program = Environment.ProcessPath ?? "tenfold";
        var isHost = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        return isHost ? [program, Environment.GetCommandLineArgs()[0]] : [program];
    }
}

using System.Text.Json;

namespace Tenfold.Planner;

/// <summary>What the planner takes from a lab record: figures with where they come from.</summary>
/// <param name="Id">The record's id.</param>
/// <param name="Scenario">The scenario that measured it.</param>
/// <param name="StartedAt">When.</param>
/// <param name="Machine">On what machine, in words.</param>
/// <param name="Processors">That machine's logical processors.</param>
/// <param name="Figures">Each figure by name, in its unit.</param>
/// <param name="Doubts">What the planner found wrong with the record: broken promises, phases that break Little's law.</param>
public sealed record LabFigures(
    string Id,
    string Scenario,
    DateTimeOffset StartedAt,
    string Machine,
    int Processors,
    IReadOnlyDictionary<string, double> Figures,
    IReadOnlyList<string> Doubts)
{
    /// <summary>What the histogram's digits and a phase's edges explain.</summary>
    private const double LittleTolerance = 0.05;

    /// <summary>Shorter phases than half say little about saturation.</summary>
    private const double LeastTimeScale = 0.5;

    /// <summary>Where a figure comes from, for a plan's line.</summary>
    public string Source => $"lab record {Id}, {StartedAt:yyyy-MM-dd}, {Machine}";

    /// <summary>Reads the latest record of a scenario under <c>DATA/lab</c>, or null when there is none.</summary>
    /// <exception cref="PlannerException">The record cannot be read.</exception>
    public static LabFigures? Latest(string dataDirectory, string scenario)
    {
        var root = Path.Combine(dataDirectory, "lab");
        if (!Directory.Exists(root))
            return null;
        LabFigures? latest = null;
        foreach (var path in Directory.EnumerateDirectories(root).Select(directory => Path.Combine(directory, "record.json")).Where(File.Exists))
        {
            if (Read(path) is { } figures && figures.Scenario == scenario && (latest is null || figures.StartedAt > latest.StartedAt))
                latest = figures;
        }

        return latest;
    }

    /// <summary>Reads one <c>record.json</c>.</summary>
    /// <exception cref="PlannerException">It is no lab record.</exception>
    public static LabFigures Read(string path)
    {
        try
        {
            using var record = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(record.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IOException)
        {
            throw new PlannerException($"'{path}' is no lab record: {fault.Message}", fault);
        }
    }

    internal static LabFigures Read(JsonElement record)
    {
        var machine = record.GetProperty("machine");
        var processors = machine.GetProperty("processors").GetInt32();
        var figures = record.GetProperty("figures").EnumerateObject()
            .ToDictionary(figure => figure.Name, figure => figure.Value.GetProperty("value").GetDouble(), StringComparer.Ordinal);
        return new LabFigures(
            record.GetProperty("id").GetString()!,
            record.GetProperty("scenario").GetString()!,
            record.GetProperty("startedAt").GetDateTimeOffset(),
            $"{processors} processors, {machine.GetProperty("os").GetString()}",
            processors,
            figures,
            [.. Doubt(record)]);
    }

    private static IEnumerable<string> Doubt(JsonElement record)
    {
        if (record.GetProperty("verdict").GetString() != "kept")
            yield return "a promise was broken in this run: figures of a broken run prove nothing";
        if (record.TryGetProperty("timeScale", out var scale) && scale.GetDouble() < LeastTimeScale)
            yield return $"its phases were cut to {Quantity.Number(scale.GetDouble())} of their length: figures are rough, run it at time scale 1";
        foreach (var phase in record.GetProperty("phases").EnumerateArray())
        {
            if (!phase.TryGetProperty("inSystem", out var sampled) || !phase.GetProperty("latencySeconds").TryGetProperty("mean", out var mean))
                continue;
            var answered = phase.GetProperty("admitted").GetDouble() + phase.GetProperty("rejected").GetDouble();
            var rate = phase.GetProperty("achievedPerSecond").GetDouble() * (1 + phase.GetProperty("errors").GetDouble() / Math.Max(1, answered));
            var expected = rate * mean.GetDouble();
            var greater = Math.Max(expected, sampled.GetDouble());
            if (greater > 0 && Math.Abs(expected - sampled.GetDouble()) > LittleTolerance * greater)
                yield return $"phase '{phase.GetProperty("name").GetString()}' breaks Little's law: L = {Quantity.Number(sampled.GetDouble())}, λW = {Quantity.Number(expected)}";
        }
    }
}

namespace Tenfold.Lab;

/// <summary>Two records of one scenario side by side.</summary>
/// <param name="Before">The earlier record's id.</param>
/// <param name="After">The later record's id.</param>
/// <param name="SameMachine">Whether both ran on a machine of the same shape; otherwise the ratios say little.</param>
/// <param name="Figures">Each figure that both have.</param>
/// <param name="Promises">Each promise whose outcome differs.</param>
public sealed record RecordComparison(
    string Before,
    string After,
    bool SameMachine,
    IReadOnlyList<FigureChange> Figures,
    IReadOnlyList<PromiseChange> Promises)
{
    /// <summary>Compares two records.</summary>
    /// <exception cref="LabException">They are of different scenarios.</exception>
    public static RecordComparison Of(LabRecord before, LabRecord after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        if (before.Scenario != after.Scenario)
            throw new LabException($"'{before.Id}' is of '{before.Scenario}' and '{after.Id}' of '{after.Scenario}': compare two records of one scenario.");
        var figures = before.Figures
            .Where(figure => after.Figures.ContainsKey(figure.Key))
            .Select(figure => new FigureChange(figure.Key, figure.Value.Unit, figure.Value.Value, after.Figures[figure.Key].Value))
            .ToList();
        var kept = after.Promises.ToDictionary(promise => promise.Name, promise => promise.Kept, StringComparer.Ordinal);
        var promises = before.Promises
            .Where(promise => kept.TryGetValue(promise.Name, out var now) && now != promise.Kept)
            .Select(promise => new PromiseChange(promise.Name, promise.Kept, !promise.Kept))
            .ToList();
        return new RecordComparison(before.Id, after.Id, before.Machine == after.Machine, figures, promises);
    }
}

/// <summary>One figure in two records.</summary>
/// <param name="Name">The figure's name.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Before">The earlier value.</param>
/// <param name="After">The later value.</param>
public sealed record FigureChange(string Name, string Unit, double Before, double After)
{
    /// <summary>Later over earlier; NaN when the earlier is zero.</summary>
    public double Ratio => Before == 0 ? double.NaN : After / Before;
}

/// <summary>A promise whose outcome differs.</summary>
/// <param name="Name">The promise.</param>
/// <param name="Before">Whether it was kept in the earlier record.</param>
/// <param name="After">Whether it was kept in the later one.</param>
public sealed record PromiseChange(string Name, bool Before, bool After);

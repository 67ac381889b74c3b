namespace Tenfold.Planner;

/// <summary>Something a plan takes as given; each can be set by name.</summary>
/// <param name="Name">As on the command line: <c>requests-per-user-per-day</c>.</param>
/// <param name="Default">Used unless set.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Why">What it means and why this default.</param>
/// <param name="Least">The least allowed.</param>
/// <param name="Most">The greatest allowed.</param>
/// <param name="Whole">Whether only whole numbers make sense.</param>
public sealed record Assumption(string Name, double Default, string Unit, string Why, double Least, double Most, bool Whole = false)
{
    /// <summary>Throws when a value is out of range.</summary>
    /// <exception cref="PlannerException">Names the assumption, the value and the range.</exception>
    internal void Check(double value)
    {
        if (!(value >= Least && value <= Most))
            throw new PlannerException($"{Name} = {Quantity.Number(value)} {Unit}: must be {Quantity.Number(Least)} to {Quantity.Number(Most)}.");
        if (Whole && value != Math.Round(value))
            throw new PlannerException($"{Name} = {Quantity.Number(value)} {Unit}: must be a whole number.");
    }
}

/// <summary>A figure that a plan takes from a lab record, or, without one, from a named source.</summary>
/// <param name="Name">The figure's name in the record.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="What">What it is.</param>
/// <param name="Stated">Used without a record.</param>
/// <param name="StatedSource">Where the stated value comes from.</param>
/// <param name="IsPercentile">Percentiles are compared, never added or multiplied.</param>
public sealed record MeasuredFigure(string Name, string Unit, string What, double Stated, string StatedSource, bool IsPercentile = false);

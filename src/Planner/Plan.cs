using System.Text.Json.Serialization;

namespace Tenfold.Planner;

/// <summary>A plan: every line of the calculation from assumptions to the monthly bill.</summary>
/// <param name="System">The system's name.</param>
/// <param name="Title">For people.</param>
/// <param name="Lines">In order; each can be checked by hand.</param>
/// <param name="MonthlyBill">The sum.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="OneMachineUntil">How far one machine reaches.</param>
/// <param name="Sensitivities">All inputs by how much they move the bill, greatest first.</param>
/// <param name="Measured">Whether the figures come from a lab record.</param>
/// <param name="Advice">What to do to make the plan better: the lab run that it lacks, doubts about the record.</param>
/// <param name="Notes">Rules that hold for every line.</param>
public sealed record Plan(
    string System,
    string Title,
    IReadOnlyList<PlanLine> Lines,
    double MonthlyBill,
    string Currency,
    OneMachine OneMachineUntil,
    IReadOnlyList<Sensitivity> Sensitivities,
    bool Measured,
    IReadOnlyList<string> Advice,
    IReadOnlyList<string> Notes);

/// <summary>One line of a plan.</summary>
/// <param name="Section">Assumptions, Measured, Prices, or a part of the arithmetic.</param>
/// <param name="Name">The quantity's name, as formulas use it.</param>
/// <param name="What">What it is, in words.</param>
/// <param name="Formula">In names; empty for inputs.</param>
/// <param name="Numbers">The formula with its numbers; empty for inputs.</param>
/// <param name="Value">The result.</param>
/// <param name="Unit">The result's unit.</param>
/// <param name="Source">Where an input comes from; <c>arithmetic</c> for results.</param>
public sealed record PlanLine(string Section, string Name, string What, string Formula, string Numbers, double Value, string Unit, string Source)
{
    /// <summary>The result as people read it.</summary>
    [JsonIgnore]
    public string Result => Quantity.Number(Value);
}

/// <summary>Where one machine stops being enough.</summary>
/// <param name="Input">The input that grows.</param>
/// <param name="Value">The greatest value that one machine carries; infinite inputs are capped at the assumption's most.</param>
/// <param name="Sentence">For people.</param>
public sealed record OneMachine(string Input, double Value, string Sentence);

/// <summary>How much an input moves the bill.</summary>
/// <param name="Input">The input.</param>
/// <param name="Elasticity">Per cent of change in the bill for one per cent of change in the input, around the plan, without rounding up to whole machines.</param>
public sealed record Sensitivity(string Input, double Elasticity);

/// <summary>What to plan.</summary>
public sealed record PlanRequest
{
    /// <summary>Assumptions that differ from their defaults, by name.</summary>
    public IReadOnlyDictionary<string, double> Set { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>The measured figures; null plans with stated ones and says so.</summary>
    public LabFigures? Record { get; init; }

    /// <summary>The prices; default the latest list that comes with Tenfold.</summary>
    public PriceList Prices { get; init; } = PriceList.Latest();
}

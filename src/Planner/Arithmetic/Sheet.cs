namespace Tenfold.Planner.Arithmetic;

/// <summary>A calculation in progress: named quantities, each from above it.</summary>
internal sealed class Sheet(bool smooth)
{
    private readonly Dictionary<string, Operand> _values = new(StringComparer.Ordinal);
    private readonly List<PlanLine> _lines = [];

    public IReadOnlyList<PlanLine> Lines => _lines;

    public Operand this[string name] => _values.TryGetValue(name, out var value)
        ? value
        : throw new PlannerException($"'{name}' is used before it is computed.");

    public void Input(string section, string name, string what, double value, string unit, string source, bool isPercentile = false)
    {
        Add(name, new Operand(value, isPercentile));
        _lines.Add(new PlanLine(section, name, what, "", "", value, unit, source));
    }

    public void Compute(PlanStep step)
    {
        var formula = Formula.Parse(step.Formula);
        var result = formula.Evaluate(name => this[name], smooth);
        if (!double.IsFinite(result.Value))
            throw new PlannerException($"{step.Name} = {step.Formula} is no number with these inputs: {formula.WithNumbers(name => this[name])}.");
        Add(step.Name, result);
        _lines.Add(new PlanLine(step.Section, step.Name, step.What, step.Formula, formula.WithNumbers(name => this[name]), result.Value, step.Unit, "arithmetic"));
    }

    private void Add(string name, Operand value)
    {
        if (!_values.TryAdd(name, value))
            throw new PlannerException($"'{name}' is computed twice.");
    }
}

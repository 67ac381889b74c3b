using Tenfold.Planner.Arithmetic;

namespace Tenfold.Planner;

/// <summary>How one system turns assumptions and measured figures into a fleet and a bill.</summary>
/// <remarks>Stateless and thread-safe. A model is a list of formulas; the arithmetic is done from their text.</remarks>
public abstract class PlanModel
{
    /// <summary>The system's spelling in commands and URLs.</summary>
    public abstract string System { get; }

    /// <summary>For people.</summary>
    public abstract string Title { get; }

    /// <summary>The lab scenario that measures the figures.</summary>
    public abstract string Scenario { get; }

    /// <summary>The inputs that can be set.</summary>
    public abstract IReadOnlyList<Assumption> Assumptions { get; }

    /// <summary>The inputs that are measured.</summary>
    public abstract IReadOnlyList<MeasuredFigure> Figures { get; }

    /// <summary>Prices that the formulas use: name in formulas, name in the price list.</summary>
    protected abstract IReadOnlyList<(string Name, string Price)> Prices { get; }

    /// <summary>The arithmetic in order.</summary>
    protected abstract IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>The step whose result is the monthly bill.</summary>
    protected abstract string Bill { get; }

    /// <summary>The step that tells how many machines the load needs, before spares.</summary>
    protected abstract string MachinesNeeded { get; }

    /// <summary>The assumption that grows as the product does.</summary>
    protected abstract string Growth { get; }

    /// <summary>Says how far one machine reaches.</summary>
    protected abstract string Describe(double growth, IReadOnlyDictionary<string, double> values);

    /// <summary>Makes the plan.</summary>
    /// <exception cref="PlannerException">An unknown assumption, or a value out of range.</exception>
    public Plan Make(PlanRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        foreach (var (name, value) in request.Set)
            Find(name).Check(value);
        var sheet = Compute(request, _ => null, smooth: false);
        var oneMachine = OneMachine(request);
        return new Plan(
            System,
            Title,
            sheet.Lines,
            sheet[Bill].Value,
            request.Prices.Currency,
            oneMachine,
            Sensitivities(request),
            request.Record is not null,
            [.. Advice(request)],
            Notes(request));
    }

    /// <summary>Reads settings as the command line and the query string have them: <c>users=10M</c>.</summary>
    /// <exception cref="PlannerException">An unknown name, or a value that is no number.</exception>
    public IReadOnlyDictionary<string, double> ParseSettings(IEnumerable<KeyValuePair<string, string>> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var parsed = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, text) in settings)
        {
            var assumption = Find(name);
            if (!Quantity.TryParse(text, out var value))
                throw new PlannerException($"{name} = '{text}' is no number: write 250000, 250k, 10M or 1.5G.");
            assumption.Check(value);
            parsed[assumption.Name] = value;
        }

        return parsed;
    }

    private Assumption Find(string name) =>
        Assumptions.FirstOrDefault(assumption => string.Equals(assumption.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new PlannerException($"'{name}' is no assumption of {System}. There are: {string.Join(", ", Assumptions.Select(assumption => assumption.Name))}.");

    private Sheet Compute(PlanRequest request, Func<string, double?> changed, bool smooth)
    {
        var sheet = new Sheet(smooth);
        foreach (var assumption in Assumptions)
        {
            var isSet = request.Set.TryGetValue(assumption.Name, out var set);
            var value = changed(assumption.Name) ?? (isSet ? set : assumption.Default);
            sheet.Input("Assumptions", assumption.Name, assumption.Why, value, assumption.Unit, isSet ? "set for this plan" : "default assumption");
        }

        foreach (var figure in Figures)
        {
            var measured = request.Record is { } record && record.Figures.TryGetValue(figure.Name, out var found) ? found : (double?)null;
            var source = measured is null ? figure.StatedSource : request.Record!.Source;
            sheet.Input("Measured", figure.Name, figure.What, changed(figure.Name) ?? measured ?? figure.Stated, figure.Unit, source, figure.IsPercentile);
        }

        foreach (var (name, key) in Prices)
        {
            var price = request.Prices[key];
            sheet.Input("Prices", name, price.What, changed(name) ?? price.Amount, $"{request.Prices.Currency}/{price.Per}", $"{price.Source} ({price.ReadOn:yyyy-MM-dd})");
        }

        sheet.Input("Prices", "hours-a-month", "8,760 hours a year by 12", request.Prices.HoursPerMonth, "hour", "price list");
        foreach (var step in Steps)
            sheet.Compute(step);
        return sheet;
    }

    private OneMachine OneMachine(PlanRequest request)
    {
        var growth = Find(Growth);
        bool Fits(double value) => Compute(request, name => name == Growth ? value : null, smooth: false)[MachinesNeeded].Value <= 1;
        var (low, high) = (growth.Least, growth.Most);
        if (!Fits(low))
            return new OneMachine(Growth, low, $"Even {Quantity.Number(low)} {growth.Unit} need more than one machine.");
        // Geometric bisection to three digits: the input spans orders of magnitude.
        for (var i = 0; i < 60 && !Fits(high) && high / low > 1.001; i++)
        {
            var middle = Math.Sqrt(low * high);
            (low, high) = Fits(middle) ? (middle, high) : (low, middle);
        }

        var value = Fits(high) ? high : low;
        var rounded = Math.Floor(value / Math.Pow(10, Math.Floor(Math.Log10(value)) - 2)) * Math.Pow(10, Math.Floor(Math.Log10(value)) - 2);
        var values = Compute(request, name => name == Growth ? rounded : null, smooth: false).Lines.ToDictionary(line => line.Name, line => line.Value, StringComparer.Ordinal);
        return new OneMachine(Growth, rounded, Describe(rounded, values));
    }

    private List<Sensitivity> Sensitivities(PlanRequest request)
    {
        const double Change = 0.1;
        var inputs = Compute(request, _ => null, smooth: true).Lines.Where(line => line.Formula.Length == 0 && line.Name != "hours-a-month" && line.Value > 0);
        var sensitivities = new List<Sensitivity>();
        foreach (var input in inputs)
        {
            double BillAt(double factor) => Compute(request, name => name == input.Name ? input.Value * factor : null, smooth: true)[Bill].Value;
            var elasticity = Math.Log(BillAt(1 + Change) / BillAt(1 - Change)) / Math.Log((1 + Change) / (1 - Change));
            sensitivities.Add(new Sensitivity(input.Name, double.IsFinite(elasticity) ? Math.Round(elasticity, 3) : 0));
        }

        return [.. sensitivities.OrderByDescending(sensitivity => Math.Abs(sensitivity.Elasticity)).ThenBy(sensitivity => sensitivity.Input, StringComparer.Ordinal)];
    }

    private IEnumerable<string> Advice(PlanRequest request)
    {
        if (request.Record is null)
        {
            yield return $"No lab record: the figures under 'Measured' are stated, not measured on your machine. 'tenfold lab {Scenario}' makes a record.";
            yield break;
        }

        foreach (var figure in Figures.Where(figure => !request.Record.Figures.ContainsKey(figure.Name)))
            yield return $"Record {request.Record.Id} lacks '{figure.Name}': its stated value is used.";
        foreach (var doubt in request.Record.Doubts)
            yield return $"Record {request.Record.Id}: {doubt}.";
    }

    private static List<string> Notes(PlanRequest request) =>
    [
        $"Prices: {request.Prices.Region}, {request.Prices.Terms}, list of {request.Prices.Date:yyyy-MM-dd}; replace it with --prices FILE.",
        "Sized for the peak, not the average; GB = 10^9 bytes, GiB = 2^30 bytes; a month is 730 hours.",
        "Percentiles do not add: no latency here is a sum of p99s, and the planner refuses to compute one.",
        "Elasticities are taken at ±10 % without rounding up to whole machines; the bill itself is rounded up.",
    ];
}

/// <summary>One line of a model's arithmetic.</summary>
/// <param name="Section">The part it belongs to.</param>
/// <param name="Name">The result's name.</param>
/// <param name="What">What it is.</param>
/// <param name="Formula">How it is computed from what stands above.</param>
/// <param name="Unit">The result's unit.</param>
public sealed record PlanStep(string Section, string Name, string What, string Formula, string Unit);

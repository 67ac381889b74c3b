using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tenfold.Planner;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(PriceList))]
[JsonSerializable(typeof(Plan))]
internal sealed partial class PlannerJson : JsonSerializerContext;

/// <summary>Plans as JSON: what <c>tenfold plan --json</c> and <c>GET /api/plans/…</c> answer.</summary>
public static class PlanText
{
    /// <summary>The plan as JSON, names in camel case.</summary>
    public static string ToJson(Plan plan) => JsonSerializer.Serialize(plan, PlannerJson.Default.Plan);

    /// <summary>The plan as a plain table that a reviewer can check line by line.</summary>
    public static string ToTable(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var text = new System.Text.StringBuilder();
        text.AppendLine(plan.Title);
        foreach (var section in plan.Lines.GroupBy(line => line.Section, StringComparer.Ordinal))
        {
            text.AppendLine().AppendLine(section.Key);
            foreach (var line in section)
            {
                text.AppendLine($"  {line.Name,-34} {line.Result,18} {line.Unit}");
                text.AppendLine(line.Formula.Length == 0 ? $"      {line.What} [{line.Source}]" : $"      = {line.Formula}{Environment.NewLine}      = {line.Numbers}");
            }
        }

        text.AppendLine().AppendLine($"Bill: {Quantity.Number(plan.MonthlyBill)} {plan.Currency} a month");
        text.AppendLine(plan.OneMachineUntil.Sentence);
        text.AppendLine("What moves the bill most (1 % more of it moves the bill by):");
        foreach (var sensitivity in plan.Sensitivities.Take(3))
            text.AppendLine($"  {sensitivity.Input,-34} {sensitivity.Elasticity:+0.00;-0.00;0} %");
        foreach (var advice in plan.Advice)
            text.AppendLine($"! {advice}");
        foreach (var note in plan.Notes)
            text.AppendLine($"- {note}");
        return text.ToString();
    }
}

using System.CommandLine;
using Tenfold.Cli.CommandLine;
using Tenfold.Planner;

namespace Tenfold.Cli.Grow;

/// <summary><c>tenfold plan SYSTEM</c>: the fleet and the bill for a load, each line of the calculation shown.</summary>
internal static class PlanCommand
{
    public static TenfoldCommand Create()
    {
        var system = new Argument<string>("SYSTEM") { Description = $"what to plan: {Names()}" };
        var users = new Option<string?>("--users") { HelpName = "N", Description = "users, as 250k or 10M" };
        var set = new Option<string[]>("--set") { HelpName = "NAME=VALUE", Description = "any other assumption; the plan lists their names" };
        var prices = new Option<string?>("--prices") { HelpName = "FILE", Description = "another price list (default: the dated one that comes with Tenfold)" };
        var record = new Option<string?>("--record") { HelpName = "FILE", Description = "a lab record (default: the latest under the data directory)" };
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("plan", "Turn what the lab measured into a fleet and a monthly bill, line by line.", CommandGroup.Grow) { system, users, set, prices, record, data, json };
        command.Examples.Add(("tenfold plan rate-limiter --users 10M", "what ten million users take and cost"));
        command.SetAction(parsed =>
        {
            var name = parsed.GetValue(system)!;
            var model = ModelCatalog.Find(name) ?? throw new CommandFailure(ExitCode.Usage, $"there is no plan for '{name}': one of {Names()}.");
            try
            {
                var plan = model.Make(new PlanRequest
                {
                    Set = model.ParseSettings(Settings(parsed.GetValue(users), parsed.GetValue(set) ?? [])),
                    Record = parsed.GetValue(record) is { } file ? LabFigures.Read(file) : LabFigures.Latest(parsed.GetValue(data)!, model.Scenario),
                    Prices = parsed.GetValue(prices) is { } list ? PriceList.Load(list) : PriceList.Latest(),
                });
                Terminal.WriteLine(parsed.GetValue(json) ? PlanText.ToJson(plan) : PlanText.ToTable(plan));
                return ExitCode.Ok;
            }
            catch (PlannerException fault)
            {
                throw new CommandFailure(ExitCode.Usage, fault.Message, fault);
            }
        });
        return command;
    }

    private static string Names() => string.Join(", ", ModelCatalog.All.Select(m => m.System));

    private static IEnumerable<KeyValuePair<string, string>> Settings(string? users, IEnumerable<string> set)
    {
        if (users is not null)
            yield return KeyValuePair.Create("users", users);
        foreach (var text in set)
            yield return NamedValue.Parse("--set ", text);
    }
}

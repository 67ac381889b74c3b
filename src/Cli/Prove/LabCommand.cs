using System.CommandLine;
using System.Globalization;
using Tenfold.Cli.CommandLine;
using Tenfold.Lab;

namespace Tenfold.Cli.Prove;

/// <summary><c>tenfold lab</c>: real load and real faults, promises checked, a record and a report.</summary>
internal static class LabCommand
{
    public static TenfoldCommand Create()
    {
        var command = new TenfoldCommand("lab", "Drive real load and real faults at a running system and check its promises.", CommandGroup.Prove)
        {
            List(),
            Compare(),
            Replay(),
        };
        foreach (var scenario in ScenarioCatalog.All)
            command.Add(Run(scenario));
        command.Examples.Add(("tenfold lab rate-limiter", "about a minute and a half; ends with the verdict and the report's path"));
        command.Examples.Add(("tenfold lab compare ID ID", "what changed between two runs"));
        return command;
    }

    private static TenfoldCommand Run(Scenario scenario)
    {
        var seed = new Option<int>("--seed") { HelpName = "N", Description = "the same seed offers the same load (default: 1)", DefaultValueFactory = _ => 1 };
        var scale = new Option<double>("--time-scale") { HelpName = "X", Description = "multiplies each phase's length, 0.05 to 20 (default: 1)", DefaultValueFactory = _ => 1 };
        var redis = new Option<bool>("--redis") { Description = "also with Redis as the engine; needs redis-server" };
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand(scenario.Name, $"{scenario.Description} About {scenario.TypicalDuration.TotalSeconds:0} s.") { seed, scale, redis, data, json };
        command.Examples.Add(($"tenfold lab {scenario.Name}", "exit code 0 when every promise was kept, 3 when one was broken"));
        command.SetAction((parsed, cancellationToken) => RunAsync(
            scenario,
            new LabOptions { Seed = parsed.GetValue(seed), TimeScale = parsed.GetValue(scale), Redis = parsed.GetValue(redis), DataDirectory = parsed.GetValue(data)! },
            parsed.GetValue(json),
            cancellationToken));
        return command;
    }

    private static TenfoldCommand List()
    {
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("list", "List the scenarios and the records there are.") { data, json };
        command.Examples.Add(("tenfold lab list", "what can be run, and what was"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var records = await new LabRecordStore(parsed.GetValue(data)!).ListAsync(cancellationToken);
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(new
                {
                    scenarios = ScenarioCatalog.All.Select(s => new { s.Name, s.Title, s.Description, typicalSeconds = s.TypicalDuration.TotalSeconds }),
                    records = records.Select(r => new { r.Id, r.Scenario, r.StartedAt, r.DurationSeconds, r.Verdict, r.Headline }),
                });
                return ExitCode.Ok;
            }

            Terminal.WriteTable(["SCENARIO", "ABOUT", "WHAT IT SHOWS"], ScenarioCatalog.All.Select(s => (IReadOnlyList<string>)[s.Name, $"{s.TypicalDuration.TotalSeconds:0} s", s.Description]));
            Terminal.WriteLine();
            if (records.Count == 0)
                Terminal.WriteLine($"No record yet: 'tenfold lab {ScenarioCatalog.All[0].Name}' makes one.");
            else
                Terminal.WriteTable(["RECORD", "VERDICT", "HEADLINE"], records.Select(r => (IReadOnlyList<string>)[r.Id, r.Verdict, r.Headline]));
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Compare()
    {
        var before = new Argument<string>("BEFORE") { Description = "a record's id" };
        var after = new Argument<string>("AFTER") { Description = "a later record's id" };
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("compare", "Compare two records of one scenario, figure by figure.") { before, after, data, json };
        command.Examples.Add(("tenfold lab compare ID ID", "'tenfold lab list' shows the ids"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var store = new LabRecordStore(parsed.GetValue(data)!);
            var comparison = RecordComparison.Of(
                await store.LoadAsync(parsed.GetValue(before)!, cancellationToken), await store.LoadAsync(parsed.GetValue(after)!, cancellationToken));
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(comparison);
                return ExitCode.Ok;
            }

            Terminal.WriteTable(["FIGURE", "BEFORE", "AFTER", "RATIO"], comparison.Figures.Select(f => (IReadOnlyList<string>)
                [f.Name, FigureText.Of(f.Before, f.Unit), FigureText.Of(f.After, f.Unit), f.Ratio.ToString("0.00", CultureInfo.InvariantCulture)]));
            foreach (var promise in comparison.Promises)
                Terminal.WriteLine($"{(promise.After ? "now kept" : "NOW BROKEN")}: {promise.Name}");
            if (!comparison.SameMachine)
                Terminal.WriteLine("The two ran on different machines: the ratios say little.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Replay()
    {
        var id = new Argument<string>("RECORD") { Description = "the record's id" };
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("replay", "Run a recorded trial again: same scenario, seed and length.") { id, data, json };
        command.Examples.Add(("tenfold lab replay ID", "'tenfold lab list' shows the ids"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var record = await new LabRecordStore(parsed.GetValue(data)!).LoadAsync(parsed.GetValue(id)!, cancellationToken);
            var scenario = ScenarioCatalog.Find(record.Scenario)
                ?? throw new CommandFailure(ExitCode.Failed, $"this version has no scenario '{record.Scenario}' any more.");
            var options = new LabOptions { DataDirectory = parsed.GetValue(data)! }.Repeating(record);
            return await RunAsync(scenario, options, parsed.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(Scenario scenario, LabOptions options, bool json, CancellationToken cancellationToken)
    {
        using var display = new LabDisplay(Console.Error);
        var record = await scenario.RunAsync(options, display, cancellationToken);
        display.Finish();
        var store = new LabRecordStore(options.DataDirectory);
        if (json)
            Terminal.WriteLine(await File.ReadAllTextAsync(store.RecordPath(record.Id), cancellationToken));
        else
            Write(record, store);
        return record.Verdict == LabRecord.Kept ? ExitCode.Ok : ExitCode.PromiseBroken;
    }

    private static void Write(LabRecord record, LabRecordStore store)
    {
        Terminal.WriteTable(["PHASE", "OFFERED/S", "ACHIEVED/S", "P50", "P99", "P99.9", "ERRORS"], record.Phases.Select(p => (IReadOnlyList<string>)
        [
            p.Name, FigureText.Brief(p.OfferedPerSecond), FigureText.Brief(p.AchievedPerSecond), FigureText.Seconds(p.LatencySeconds.P50),
            FigureText.Seconds(p.LatencySeconds.P99), FigureText.Seconds(p.LatencySeconds.P999), p.Errors.ToString("N0", CultureInfo.InvariantCulture),
        ]));
        Terminal.WriteLine();
        Terminal.WriteTable(["FIGURE", "VALUE"], record.Figures.Select(f => (IReadOnlyList<string>)[f.Key, FigureText.Of(f.Value.Value, f.Value.Unit)]));
        Terminal.WriteLine();
        foreach (var promise in record.Promises)
            Terminal.WriteLine($"{(promise.Kept ? "kept  " : "BROKEN")}  {promise.Name} ({promise.Checked:N0} checks): {promise.Detail}");
        foreach (var note in record.Notes)
            Terminal.WriteLine($"note    {note}");
        Terminal.WriteLine();
        Terminal.WriteLine($"Verdict: {record.Verdict}. {record.Headline}");
        Terminal.WriteLine($"Report:  {store.ReportPath(record.Id)}");
        Terminal.WriteLine($"Again:   {record.Command}");
    }
}

using System.Text.Json;

namespace Tenfold.Planner.Tests;

public sealed class RateLimiterPlanTests
{
    private static readonly PlanModel Model = ModelCatalog.Find("rate-limiter")!;

    private static readonly LabFigures Record = new(
        "20261124-080000-rate-limiter-1",
        "rate-limiter",
        new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero),
        "2 processors, Linux",
        2,
        new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["http-decisions-per-second"] = 30_000,
            ["http-p99-at-80-percent"] = 0.004,
            ["memory-per-key"] = 64,
            ["redis-decisions-per-second"] = 40_000,
        },
        []);

    [Fact]
    public void The_plan_of_a_hundred_million_users_is_what_a_calculator_gives()
    {
        var plan = Make(("users", 100e6));

        // 100 M × 50 ÷ 86,400 × 4 = 231,481 a second; ÷ (30,000 × 0.6) = 12.86 -> 13 nodes, and one spare.
        Assert.Equal(231_481.48, Value(plan, "peak-decisions"), 0.01);
        Assert.Equal(13, Value(plan, "nodes-for-rate"));
        // 100 M × 0.2 × 2 keys of 64 bytes = 2.384 GiB of 4 usable.
        Assert.Equal(2.3842, Value(plan, "key-memory"), 0.0001);
        Assert.Equal(1, Value(plan, "nodes-for-memory"));
        Assert.Equal(14, Value(plan, "nodes"));
        // A tenth strictly, the rest a call in a thousand: 23,148 + 208 calls; one shard of 24,000, and its replica.
        Assert.Equal(23_148.15, Value(plan, "strict-calls"), 0.01);
        Assert.Equal(208.33, Value(plan, "lease-calls"), 0.01);
        Assert.Equal(2, Value(plan, "shards-for-memory") * 2);
        Assert.Equal(2, Value(plan, "redis-machines"));
        Assert.Equal(14 * 0.1008 * 730, Value(plan, "node-cost"), 0.001);
        // 152.08 G requests × 900 B × 0.67 = 91,706 GB, paid at both ends.
        Assert.Equal(91_706.25, Value(plan, "edge-traffic"), 0.01);
        Assert.Equal(Value(plan, "node-cost") + Value(plan, "redis-cost") + Value(plan, "traffic-cost"), plan.MonthlyBill, 1e-9);
    }

    [Fact]
    public void Every_line_has_a_source_and_every_computed_line_shows_its_numbers()
    {
        var plan = Make();

        Assert.All(plan.Lines, line => Assert.False(string.IsNullOrWhiteSpace(line.Source)));
        Assert.All(plan.Lines.Where(line => line.Formula.Length > 0), line => Assert.NotEqual(line.Formula, line.Numbers, StringComparer.Ordinal));
        Assert.All(plan.Lines.Where(line => line.Section == "Measured"), line => Assert.Contains("lab record 20261124-080000-rate-limiter-1", line.Source, StringComparison.Ordinal));
    }

    [Fact]
    public void One_machine_is_enough_exactly_until_the_stated_value()
    {
        var plan = Make();

        var users = plan.OneMachineUntil.Value;

        // 18,000 a second ÷ 4 × 86,400 ÷ 50 = 7.776 M users, stated to three digits and never rounded up.
        Assert.Equal(7_770_000, users);
        Assert.Equal(1, Value(Make(("users", users)), "nodes-needed"));
        Assert.Equal(2, Value(Make(("users", users * 1.01)), "nodes-needed"));
        Assert.Contains("One machine is enough until 7,770,000 users", plan.OneMachineUntil.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void One_machine_needs_no_Redis()
    {
        Assert.Equal(0, Value(Make(("users", 1e6)), "redis-cost"));
        Assert.True(Value(Make(("users", 50e6)), "redis-cost") > 0);
    }

    [Fact]
    public void The_bill_grows_with_users_and_falls_with_throughput()
    {
        double[] users = [1e5, 1e6, 1e7, 1e8, 1e9];
        var bills = users.Select(count => Make(("users", count)).MonthlyBill).ToList();

        Assert.Equal(bills.Order(), bills);
        Assert.True(Make(("users", 1e9), ("target-utilisation", 0.9)).MonthlyBill < Make(("users", 1e9), ("target-utilisation", 0.3)).MonthlyBill);
    }

    [Fact]
    public void The_inputs_that_move_the_bill_most_come_first_and_their_elasticities_are_true()
    {
        var plan = Make(("users", 100e6));

        Assert.Equal(plan.Sensitivities.OrderByDescending(sensitivity => Math.Abs(sensitivity.Elasticity)).ThenBy(sensitivity => sensitivity.Input, StringComparer.Ordinal).Select(sensitivity => sensitivity.Input), plan.Sensitivities.Select(sensitivity => sensitivity.Input), StringComparer.Ordinal);
        var users = Assert.Single(plan.Sensitivities, sensitivity => sensitivity.Input == "users").Elasticity;
        // Traffic and nodes grow in step with users; only the spare node and the floor of shards do not.
        Assert.InRange(users, 0.9, 1.0);
        Assert.InRange(Assert.Single(plan.Sensitivities, sensitivity => sensitivity.Input == "http-decisions-per-second").Elasticity, -1, 0);
        Assert.Equal(0, Assert.Single(plan.Sensitivities, sensitivity => sensitivity.Input == "http-p99-at-80-percent").Elasticity);
    }

    [Fact]
    public void Without_a_record_the_plan_says_which_lab_run_makes_one()
    {
        var plan = Model.Make(new PlanRequest());

        Assert.False(plan.Measured);
        Assert.Contains(plan.Advice, advice => advice.Contains("tenfold lab rate-limiter", StringComparison.Ordinal));
        Assert.All(plan.Lines.Where(line => line.Section == "Measured"), line => Assert.StartsWith("stated", line.Source, StringComparison.Ordinal));
    }

    [Fact]
    public void Doubts_about_the_record_and_missing_figures_are_shown()
    {
        var record = Record with { Doubts = ["a promise was broken in this run"], Figures = Record.Figures.Where(figure => figure.Key != "memory-per-key").ToDictionary(StringComparer.Ordinal) };

        var plan = Model.Make(new PlanRequest { Record = record });

        Assert.Contains(plan.Advice, advice => advice.Contains("a promise was broken", StringComparison.Ordinal));
        Assert.Contains(plan.Advice, advice => advice.Contains("lacks 'memory-per-key'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("user", "1M", "'user' is no assumption")]
    [InlineData("users", "lots", "users = 'lots' is no number")]
    [InlineData("users", "5", "users = 5 {user}: must be 100 to 10,000,000,000")]
    [InlineData("target-utilisation", "1.5", "must be 0.05 to 0.95")]
    [InlineData("spare-nodes", "1.5", "must be a whole number")]
    public void A_faulty_setting_is_named_with_what_is_allowed(string name, string value, string message)
    {
        var fault = Assert.Throws<PlannerException>(() => Model.ParseSettings([new(name, value)]));

        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_and_the_JSON_say_the_same()
    {
        var plan = Make(("users", 10e6));

        var table = PlanText.ToTable(plan);
        using var json = JsonDocument.Parse(PlanText.ToJson(plan));

        Assert.All(plan.Lines, line => Assert.Contains($"{line.Name,-34} {line.Result,18} {line.Unit}", table, StringComparison.Ordinal));
        Assert.Equal(plan.MonthlyBill, json.RootElement.GetProperty("monthlyBill").GetDouble());
        Assert.Equal(plan.Lines.Count, json.RootElement.GetProperty("lines").GetArrayLength());
    }

    private static Plan Make(params (string Name, double Value)[] settings) =>
        Model.Make(new PlanRequest { Record = Record, Set = settings.ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal) });

    private static double Value(Plan plan, string name) => Assert.Single(plan.Lines, line => line.Name == name).Value;
}

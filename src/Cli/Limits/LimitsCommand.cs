using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tenfold.Cli.CommandLine;
using Tenfold.Cli.Run;
using Tenfold.RateLimiting;
using Tenfold.Server;

namespace Tenfold.Cli.Limits;

/// <summary><c>tenfold limits</c>: which rules a request meets, why a decision fell as it did, who is limited now, and what other rules would do.</summary>
internal static class LimitsCommand
{
    private const int TopSeconds = 3;

    public static TenfoldCommand Create() =>
        new("limits", "Ask the rate limiter's rules: test a request, ask why, see the top keys, replay traffic.", CommandGroup.Configure)
        {
            Test(),
            Why(),
            Top(),
            Replay(),
        };

    private static TenfoldCommand Test()
    {
        var attributes = new Argument<string[]>("NAME=VALUE") { Description = "the request's attributes, as path=/api/orders method=GET user=alice", Arity = ArgumentArity.OneOrMore };
        var cost = new Option<long>("--cost") { HelpName = "N", Description = "units (default: 1)", DefaultValueFactory = _ => 1 };
        var running = new Option<bool>("--running") { Description = "ask the running server, with its state of this moment, instead of the configuration file" };
        var (options, json, server, key) = (new UpOptions(), CommonOptions.Json(), CommonOptions.Server(), CommonOptions.Key());
        var command = new TenfoldCommand("test", "Say which rules a request would hit and why; charges nothing.") { attributes, cost, running, server, key, json };
        options.AddTo(command);
        command.Examples.Add(("tenfold limits test path=/api/orders method=GET user=alice", "by the tenfold.json here; exit code 1 when it would be rejected"));
        command.Examples.Add(("tenfold limits test --running user=alice", "by the running server, counting what alice has used"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = (parsed.GetValue(attributes) ?? []).Select(a => NamedValue.Parse("", a)).ToDictionary(StringComparer.OrdinalIgnoreCase);
            JsonElement explained;
            if (parsed.GetValue(running) || parsed.GetValue(server) is not null)
            {
                using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), options.Data(parsed));
                explained = await client.PostAsync("/api/rate-limiter/explain", new { attributes = request, cost = parsed.GetValue(cost) }, cancellationToken);
            }
            else
            {
                explained = await ExplainOfflineAsync(Offline(options.Read(parsed)), new RateLimitRequest(request, parsed.GetValue(cost)), cancellationToken);
            }

            if (parsed.GetValue(json))
                Terminal.WriteJson(explained);
            else
                Write(explained.GetProperty("decision"), explained.GetProperty("rules"));
            return explained.GetProperty("decision").GetProperty("admitted").GetBoolean() ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    // The rules alone count here: no server is asked, and no journal that a running server writes is touched.
    private static HostSettings Offline(HostSettings settings) => new()
    {
        ConfigurationFile = settings.ConfigurationFile,
        CommandLine = new Dictionary<string, string?>(settings.CommandLine, StringComparer.OrdinalIgnoreCase)
        {
            [$"{RateLimitingOptions.Section}:Engine"] = "embedded:",
            [$"{RateLimitingOptions.Section}:Embedded:JournalPath"] = null,
        },
    };

    private static async Task<JsonElement> ExplainOfflineAsync(HostSettings settings, RateLimitRequest request, CancellationToken cancellationToken)
    {
        await using var app = TenfoldHost.Build(settings);
        try
        {
            var explanation = await app.Services.GetRequiredService<IRateLimiter>().ExplainAsync(request, cancellationToken);
            return JsonSerializer.SerializeToElement(Shape(explanation), JsonSerializerOptions.Web);
        }
        catch (ArgumentException e)
        {
            throw new CommandFailure(ExitCode.Usage, e.Message, e);
        }
    }

    private static object Shape(RateLimitExplanation explanation) => new
    {
        decision = new
        {
            explanation.Decision.Admitted,
            retryAfterSeconds = explanation.Decision.RetryAfter == Timeout.InfiniteTimeSpan ? (double?)null : explanation.Decision.RetryAfter.TotalSeconds,
        },
        rules = explanation.Rules,
    };

    private static TenfoldCommand Why()
    {
        var id = new Argument<string>("ID") { Description = "the decision's id: the header X-Tenfold-Decision, or the field id of the answer" };
        var (server, key, data, json) = (CommonOptions.Server(), CommonOptions.Key(), CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("why", "Say why a past decision fell as it did, rule by rule, with its numbers.") { id, server, key, data, json };
        command.Examples.Add(("tenfold limits why ID", "rejected decisions are kept longest"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), parsed.GetValue(data)!);
            var decision = await client.GetAsync($"/api/rate-limiter/decisions/{Uri.EscapeDataString(parsed.GetValue(id)!)}", cancellationToken);
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(decision);
                return ExitCode.Ok;
            }

            Terminal.WriteLine($"{decision.GetProperty("time").GetString()}  {string.Join(' ', decision.GetProperty("attributes").EnumerateObject().Select(a => $"{a.Name}={a.Value}"))}");
            Write(decision, decision.GetProperty("rules"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Top()
    {
        var (server, key, data, json) = (CommonOptions.Server(), CommonOptions.Key(), CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("top", $"Show the busiest and the most limited keys, over {TopSeconds} seconds.") { server, key, data, json };
        command.Examples.Add(("tenfold limits top", "who uses most, who is rejected most"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), parsed.GetValue(data)!);
            JsonElement latest = default;
            var seen = 0;
            await foreach (var live in client.ListenAsync("/api/rate-limiter/live", cancellationToken))
            {
                latest = live;
                if (++seen == TopSeconds)
                    break;
            }

            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(latest);
                return ExitCode.Ok;
            }

            Terminal.WriteLine($"{Number(latest, "decisionsPerSecond")} decisions/s, {Number(latest, "rejectedPerSecond")} rejected/s, {Number(latest, "keys")} keys");
            Terminal.WriteLine();
            Terminal.WriteTable(["RULE", "KEY", "REQUESTS/S", "REJECTED/S"], latest.GetProperty("topKeys").EnumerateArray().Select(k => (IReadOnlyList<string>)
                [k.GetProperty("rule").GetString()!, k.GetProperty("key").GetString()!, Number(k, "perSecond"), Number(k, "rejectedPerSecond")]));
            return ExitCode.Ok;
        });
        return command;
    }

    private static TenfoldCommand Replay()
    {
        var rules = new Argument<string>("FILE") { Description = "a tenfold.json with the rules to try" };
        var (server, key, data, json) = (CommonOptions.Server(), CommonOptions.Key(), CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("replay", "Try other rules on the traffic that the running server recorded; nothing is charged.") { rules, server, key, data, json };
        command.Examples.Add(("tenfold limits replay candidate.json", "needs Tenfold:RateLimiting:Recording:Enabled = true"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = ServerClient.For(parsed.GetValue(server), parsed.GetValue(key), parsed.GetValue(data)!);
            var result = await client.PostAsync("/api/rate-limiter/replay", new { rules = RulesIn(parsed.GetValue(rules)!) }, cancellationToken);
            if (parsed.GetValue(json))
                Terminal.WriteJson(result);
            else
                WriteFields(result, "");
            return ExitCode.Ok;
        });
        return command;
    }

    private static JsonElement RulesIn(string file)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return document.RootElement.GetProperty("Tenfold").GetProperty("RateLimiting").GetProperty("Rules").Clone();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CommandFailure(ExitCode.Usage, $"{file} has no list Tenfold:RateLimiting:Rules ({e.Message})", e);
        }
    }

    private static void Write(JsonElement decision, JsonElement rules)
    {
        var admitted = decision.GetProperty("admitted").GetBoolean();
        Terminal.WriteLine(admitted ? "admitted" : $"rejected; {Retry(decision.GetProperty("retryAfterSeconds"))}");
        foreach (var rule in rules.EnumerateArray())
            Terminal.WriteLine($"  {(rule.GetProperty("matched").GetBoolean() ? "hit " : "miss")}  {rule.GetProperty("rule").GetString()}: {rule.GetProperty("reason").GetString()}");
        if (rules.GetArrayLength() == 0)
            Terminal.WriteLine("  there are no rules: every request is admitted");
    }

    private static string Retry(JsonElement seconds) =>
        seconds.ValueKind == JsonValueKind.Number ? $"the same would pass in {seconds.GetDouble().ToString("0.###", CultureInfo.InvariantCulture)} s" : "waiting alone does not help";

    private static void WriteFields(JsonElement value, string indent)
    {
        foreach (var field in value.EnumerateObject())
        {
            switch (field.Value.ValueKind)
            {
                case JsonValueKind.Array:
                    Terminal.WriteLine($"{indent}{field.Name}:");
                    foreach (var item in field.Value.EnumerateArray())
                        Terminal.WriteLine($"{indent}  {Inline(item)}");
                    break;
                case JsonValueKind.Object:
                    Terminal.WriteLine($"{indent}{field.Name}:");
                    WriteFields(field.Value, indent + "  ");
                    break;
                default:
                    Terminal.WriteLine($"{indent}{field.Name} {field.Value}");
                    break;
            }
        }
    }

    private static string Inline(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => string.Join("  ", value.EnumerateObject().Select(f => f.Value.ValueKind == JsonValueKind.Object ? $"{f.Name}: {Inline(f.Value)}" : $"{f.Name} {Inline(f.Value)}")),
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Inline)),
        _ => value.ToString(),
    };

    private static string Number(JsonElement of, string name) => of.GetProperty(name).GetDouble().ToString("#,0.#", CultureInfo.InvariantCulture);
}

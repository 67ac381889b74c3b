using System.Globalization;
using Microsoft.Playwright;
using Tenfold.Testing;
using static Microsoft.Playwright.Assertions;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: what each page of the console shows, in a real browser against a real server.</summary>
public sealed class ConsolePagesTests(ConsoleBrowser browser) : IClassFixture<ConsoleBrowser>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_overview_shows_each_system_its_state_and_what_to_try()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/");
        var card = window.Page.GetByRole(AriaRole.Article);
        await Expect(card.GetByRole(AriaRole.Link, new() { Name = "Rate limiter" })).ToBeVisibleAsync();
        await Expect(card).ToContainTextAsync("Healthy");
        await Expect(card).ToContainTextAsync("embedded:");
        await Expect(window.Text("Rate limiter is healthy.")).ToBeVisibleAsync();
        await Expect(window.Page.GetByRole(AriaRole.Status, new() { Name = "Connection: Live" })).ToBeVisibleAsync();
        await Expect(window.Page.Locator("tf-copy").First).ToContainTextAsync($"curl -i \"{browser.Server.Address}api/rate-limiter/acquire?key=alice&limit=5/10s\"");
        await Expect(window.Text(browser.Server.DataDirectory)).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_command_that_the_overview_gives_does_what_it_says()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/");
        var command = await window.Page.Locator("tf-copy code").First.InnerTextAsync();
        var address = new Uri(command.Split('"')[1]);
        var admitted = 0;
        for (var i = 0; i < 100; i++)
        {
            using var answer = await browser.Server.Client.GetAsync(address, Cancel);
            if ((int)answer.StatusCode == 429)
                break;
            admitted++;
        }

        // Five at once; on a slow machine a permit may come back meanwhile.
        Assert.InRange(admitted, 5, 99);
    }

    [Fact]
    public async Task The_live_page_moves_under_load()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/live");
        var canvas = window.Page.Locator("tf-chart canvas").First;
        await Expect(canvas).ToBeVisibleAsync();
        var before = await canvas.EvaluateAsync<string>("c => c.toDataURL()");

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var load = browser.Server.AskAsync(200_000, enough.Token);
        await Expect(window.Page.GetByRole(AriaRole.Rowheader, new() { Name = "api-per-user" })).ToBeVisibleAsync();
        await Expect(window.Page.GetByRole(AriaRole.Rowheader, new() { Name = "greedy" })).ToBeVisibleAsync();
        await Eventually.HoldsAsync(async () => Number(await window.TileAsync("Decisions")) > 0 && Number(await window.TileAsync("Rejected")) > 0, "decisions and rejections on the live page");
        await Eventually.HoldsAsync(async () => (await window.TileAsync("Latency p99")).EndsWith('s'), "a latency with its unit");
        await Eventually.HoldsAsync(async () => before != await canvas.EvaluateAsync<string>("c => c.toDataURL()"), "the chart to be drawn anew");

        await window.Page.GetByText("As a table").First.ClickAsync();
        await Expect(window.Page.GetByRole(AriaRole.Group, new() { Name = "Decisions a second, as a table" }).GetByRole(AriaRole.Row).Nth(1)).ToContainTextAsync("/s");
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load);
    }

    [Fact]
    public async Task The_data_page_says_the_rules_in_words()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/data");
        var rules = window.Page.GetByRole(AriaRole.Region, new() { Name = "Rules" }).GetByRole(AriaRole.Table);
        await Expect(rules.GetByRole(AriaRole.Row, new() { Name = "api-per-user" })).ToContainTextAsync("5 per hour");
        await Expect(rules.GetByRole(AriaRole.Row, new() { Name = "api-per-user" })).ToContainTextAsync("1 exception");
        await Expect(rules.GetByRole(AriaRole.Row, new() { Name = "search-by-tenant" })).ToContainTextAsync("none pass (fail closed)");
        await Expect(rules.GetByRole(AriaRole.Row, new() { Name = "whole-site" })).ToContainTextAsync("Dry run");
    }

    [Fact]
    public async Task Why_explains_a_request_rule_by_rule_and_charges_nothing()
    {
        await AskUntilRejectedAsync("why-user");
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/data");
        await window.Page.GetByLabel("Value of path").FillAsync("/api/orders");
        await window.Page.GetByLabel("Value of user").FillAsync("why-user");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Explain" }).ClickAsync();

        var explanation = window.Page.Locator(".explanation");
        await Expect(explanation).ToContainTextAsync("Would be rejected.");
        await Expect(explanation.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "api-per-user" })).ToContainTextAsync("no room");
        await Expect(explanation.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "search-by-tenant" })).ToContainTextAsync("does not apply");
        // The question is in the address, so that it can be sent to a colleague.
        Assert.Contains("user=why-user", window.Page.Url, StringComparison.Ordinal);
        await window.GoAsync(new Uri(window.Page.Url).Fragment);
        await Expect(explanation).ToContainTextAsync("Would be rejected.");
    }

    [Fact]
    public async Task A_rejection_is_listed_and_says_why()
    {
        await AskUntilRejectedAsync("listed-user");
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/data");
        var row = window.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "listed-user" }).First;
        await row.GetByRole(AriaRole.Button, new() { Name = "Why" }).ClickAsync();
        await Expect(window.Page.Locator("tr.detail")).ToContainTextAsync("had no room");
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "Ask how it would be decided now" }).ClickAsync();
        await Expect(window.Page.Locator(".explanation")).ToContainTextAsync("api-per-user");
    }

    [Fact]
    public async Task The_plan_answers_what_if_at_once_and_keeps_it_in_the_address()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/plan?users=1M");
        await Eventually.HoldsAsync(async () => (await window.TileAsync("Bill a month")).StartsWith('$'), "a bill");
        var small = await window.TileAsync("Bill a month");
        await window.Page.GetByLabel("Users", new() { Exact = true }).FillAsync("100M");
        await Eventually.HoldsAsync(async () => Number(await window.TileAsync("Bill a month")) > 2 * Number(small), "a greater bill for a hundred times the users");
        Assert.Contains("users=100M", window.Page.Url, StringComparison.Ordinal);
        await Expect(window.Text("What moves the bill most")).ToBeVisibleAsync();
        await Expect(window.Page.Locator(".moves li")).ToHaveCountAsync(3);
        await Expect(window.Page.Locator("tf-copy")).ToContainTextAsync("./tenfold plan rate-limiter --users 100M");

        await window.Page.GetByLabel("Users", new() { Exact = true }).FillAsync("many");
        await Expect(window.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("many");
    }

    [Fact]
    public async Task The_lab_page_says_how_to_run_it_and_shows_a_report_that_can_reach_nothing()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/lab");
        await Expect(window.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("./tenfold lab rate-limiter");

        await WriteRecordAsync();
        await window.GoAsync("#/rate-limiter/lab");
        await Expect(window.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Kept" })).ToBeVisibleAsync();
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "rate-limiter" }).First.ClickAsync();
        var report = window.Page.FrameLocator("tf-report iframe");
        await Expect(report.GetByRole(AriaRole.Heading)).ToHaveTextAsync("A report");
        await Expect(report.Locator("#drawn")).ToHaveTextAsync("drawn by null");
        await Expect(report.Locator("#reached")).ToHaveTextAsync("reached nothing");
    }

    [Fact]
    public async Task The_runbook_and_the_configuration_are_there()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/runbook");
        await Expect(window.Page.Locator(".prose h2").First).ToHaveTextAsync("Runbook");
        await window.GoAsync("#/rate-limiter/configuration");
        var rules = window.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Rules:0:Name" });
        await Expect(rules).ToContainTextAsync("api-per-user");
        await Expect(rules).ToContainTextAsync("tenfold.json");
        await window.Page.GetByRole(AriaRole.Searchbox).FillAsync("no such thing");
        await Expect(window.Text("No value has these words")).ToBeVisibleAsync();
    }

    private async Task AskUntilRejectedAsync(string user)
    {
        for (var i = 0; i < 20; i++)
        {
            using var answer = await browser.Server.Client.GetAsync(new Uri($"api/rate-limiter/acquire?path=/api/orders&user={user}", UriKind.Relative), Cancel);
            if ((int)answer.StatusCode == 429)
                return;
        }

        Assert.Fail("Twenty requests at once passed a limit of five at once.");
    }

    private async Task WriteRecordAsync()
    {
        var folder = Path.Combine(browser.Server.DataDirectory, "lab", "20261124-080000-rate-limiter");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "report.html"),
            """
            <!doctype html><title>Report</title><style>h1 { color: navy }</style><h1>A report</h1><p id="drawn"></p><p id="reached"></p>
            <script>
              document.getElementById('drawn').textContent = 'drawn by ' + origin;
              fetch('/api/systems').then(() => 'all', () => 'nothing').then(t => document.getElementById('reached').textContent = 'reached ' + t);
            </script>
            """,
            Cancel);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "record.json"),
            """
            { "id": "20261124-080000-rate-limiter", "scenario": "rate-limiter", "startedAt": "2026-11-24T08:00:00Z", "durationSeconds": 61.5,
              "command": "tenfold lab rate-limiter", "seed": 1, "timeScale": 1, "redis": false, "verdict": "kept", "headline": "1 of 1 promises kept",
              "machine": { "processors": 2, "memoryBytes": 8000000000, "os": "Debian", "runtime": ".NET 10" },
              "promises": [{ "name": "never more than the limit", "kept": true, "detail": "0 over", "checked": 1000 }],
              "phases": [], "faults": [], "figures": {}, "notes": [] }
            """,
            Cancel);
    }

    /// <summary>The number in a figure such as <c>1,234/s</c> or <c>$12,300</c>; 0 when it is not there yet.</summary>
    private static double Number(string figure)
    {
        var digits = string.Concat(figure.Where(c => char.IsAsciiDigit(c) || c == '.'));
        return double.TryParse(digits, CultureInfo.InvariantCulture, out var value) ? value : 0;
    }
}

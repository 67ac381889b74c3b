using Microsoft.Playwright;
using Tenfold.Testing;
using static Microsoft.Playwright.Assertions;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2: the console is for everybody: keyboard, screen reader, phone, dark rooms, bad networks.</summary>
public sealed class ConsoleUseTests(ConsoleBrowser browser) : IClassFixture<ConsoleBrowser>
{
    private static readonly (string Link, string Tab)[] Pages =
    [
        ("#/rate-limiter/live", "Live"), ("#/rate-limiter/data", "Data"), ("#/rate-limiter/lab", "Lab"),
        ("#/rate-limiter/plan", "Plan"), ("#/rate-limiter/runbook", "Runbook"), ("#/rate-limiter/configuration", "Configuration"),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_page_has_a_link_of_its_own()
    {
        await using var window = await browser.OpenAsync();
        foreach (var (link, tab) in Pages)
        {
            await window.GoAsync(link);
            await Expect(window.Page.GetByRole(AriaRole.Tab, new() { Name = tab })).ToHaveAttributeAsync("aria-selected", "true");
            await Expect(window.Page).ToHaveTitleAsync($"{tab} · Rate limiter · Tenfold");
        }

        await window.GoAsync("#/no/such/page");
        await Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "No such page" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Tabs_are_moved_by_arrows_and_are_one_stop_for_the_tab_key()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/live");
        await window.Page.GetByRole(AriaRole.Tab, new() { Name = "Live" }).FocusAsync();
        foreach (var (key, tab) in new[] { ("ArrowRight", "Data"), ("ArrowRight", "Lab"), ("ArrowLeft", "Data"), ("End", "Configuration"), ("ArrowRight", "Live"), ("ArrowLeft", "Configuration"), ("Home", "Live") })
        {
            await window.Page.Keyboard.PressAsync(key);
            await Expect(window.Page.GetByRole(AriaRole.Tab, new() { Name = tab })).ToBeFocusedAsync();
            await Expect(window.Page.GetByRole(AriaRole.Tab, new() { Name = tab })).ToHaveAttributeAsync("aria-selected", "true");
        }

        await window.Page.Keyboard.PressAsync("Tab");
        await Expect(window.Page.GetByRole(AriaRole.Tabpanel)).ToBeFocusedAsync();
    }

    [Fact]
    public async Task The_first_stop_skips_to_the_content()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/");
        await Expect(window.Page.GetByRole(AriaRole.Main)).ToBeVisibleAsync();
        await window.Page.Keyboard.PressAsync("Tab");
        await Expect(window.Page.GetByRole(AriaRole.Link, new() { Name = "Skip to the content" })).ToBeFocusedAsync();
        await window.Page.Keyboard.PressAsync("Enter");
        await Expect(window.Page.GetByRole(AriaRole.Main)).ToBeFocusedAsync();
    }

    [Fact]
    public async Task Colours_follow_the_system_until_chosen_and_the_choice_is_kept()
    {
        await using var window = await browser.OpenAsync(scheme: ColorScheme.Dark);
        await window.GoAsync("#/");
        var choice = window.Page.GetByRole(AriaRole.Combobox, new() { Name = "Colours" });
        Assert.True(await BrightnessAsync(window.Page) < 0.2);
        await choice.SelectOptionAsync("light");
        Assert.True(await BrightnessAsync(window.Page) > 0.8);
        await window.GoAsync("#/");
        await Expect(choice).ToHaveValueAsync("light");
        Assert.True(await BrightnessAsync(window.Page) > 0.8);
    }

    [Fact]
    public async Task Every_page_fits_a_phone_without_scrolling_sideways()
    {
        await browser.Server.AskAsync(500, Cancel);
        await using var window = await browser.OpenAsync(width: 360);
        foreach (var link in Pages.Select(p => p.Link).Append("#/").Append("#/rate-limiter/data?path=/api/orders&user=a-user-with-quite-a-long-name@example.com"))
        {
            await window.GoAsync(link);
            await SettleAsync(window);
            var width = await window.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth");
            Assert.True(width <= 360, $"{link} is {width} pixels wide");
        }

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Menu" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Navigation, new() { Name = "Systems" }).GetByRole(AriaRole.Link, new() { Name = "Overview" }).ClickAsync();
        await Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 360)]
    public async Task Axe_finds_nothing_on_any_page(ColorScheme scheme, int width)
    {
        var axe = await File.ReadAllTextAsync(Path.Combine(ConsoleSources.Folder, "node_modules/axe-core/axe.min.js"), Cancel);
        await browser.Server.AskAsync(500, Cancel);
        await using var window = await browser.OpenAsync(scheme: scheme, width: width);
        foreach (var link in Pages.Select(p => p.Link).Append("#/").Append("#/rate-limiter/data?path=/api/orders&user=greedy"))
        {
            await window.GoAsync(link);
            await SettleAsync(window);
            await window.Page.EvaluateAsync(axe);
            var found = await window.Page.EvaluateAsync<string[]>(
                "async () => (await axe.run()).violations" +
                ".flatMap(v => v.nodes.map(n => `${v.impact}: ${v.id}: ${v.help}: ${n.html} ${n.any.map(a => a.message).join(' ')}`))");
            Assert.True(found.Length == 0, $"{link}\n{string.Join('\n', found)}");
        }
    }

    [Theory]
    [InlineData(1280)]
    [InlineData(360)]
    public async Task What_is_read_stays_where_it_is_when_data_arrives(int width)
    {
        await using var window = await browser.OpenAsync(width: width);
        // Cumulative layout shift as browsers count it (W3C Layout Instability): up to 0.1 is good.
        await window.Page.AddInitScriptAsync(
            "window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shift += e.value; }).observe({ type: 'layout-shift', buffered: true });");
        foreach (var link in Pages.Select(p => p.Link).Append("#/"))
        {
            await window.GoAsync(link);
            await SettleAsync(window);
            var shift = await window.Page.EvaluateAsync<double>("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(window.shift))))");
            Assert.True(shift < 0.1, $"{link} moves by {shift}");
        }
    }

    [Fact]
    public async Task Nothing_leaves_this_machine_nothing_is_complained_of_and_nothing_breaks_the_policy()
    {
        await using var window = await browser.OpenAsync();
        foreach (var link in Pages.Select(p => p.Link).Append("#/"))
        {
            await window.GoAsync(link);
            await SettleAsync(window);
        }

        Assert.True(window.Requests.Count > 20);
        Assert.Empty(window.Requests.Where(url => url != "about:blank" && !new Uri(url).IsLoopback));
        Assert.Empty(window.Faults);
    }

    [Fact]
    public async Task The_policy_holds_against_what_gets_into_the_page()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/");
        await SettleAsync(window);
        await window.Page.EvaluateAsync(
            """
            () => {
              const script = document.createElement('script');
              script.textContent = 'document.documentElement.dataset.broken = "in"';
              document.body.append(script);
              const image = new Image();
              image.src = 'https://example.com/steal.png';
              document.body.append(image);
            }
            """);
        await Eventually.HoldsAsync(() => window.Faults.Count(f => f.StartsWith("policy:", StringComparison.Ordinal)) >= 2, "two breaches of the policy to be stopped");
        Assert.Null(await window.Page.Locator("html").GetAttributeAsync("data-broken"));
    }

    [Fact]
    public async Task What_is_no_longer_live_says_so_and_comes_back_by_itself()
    {
        await using var window = await browser.OpenAsync();
        await window.GoAsync("#/rate-limiter/live");
        var link = window.Page.Locator("header.top [role=status]");
        await Expect(link).ToHaveTextAsync("Live");
        await Expect(window.Page.Locator(".figure").First).ToContainTextAsync("/s");
        browser.Server.Pause();
        try
        {
            await Expect(link).ToHaveTextAsync("Stale", new() { Timeout = 30_000 });
            await Expect(window.Page.Locator(".link-notice")).ToContainTextAsync("the server has sent nothing since");
        }
        finally
        {
            browser.Server.Resume();
        }

        await Expect(link).ToHaveTextAsync("Live", new() { Timeout = 30_000 });
        await Expect(window.Page.Locator(".link-notice")).ToBeEmptyAsync();
    }

    /// <summary>Waits until the page shows what it loads: no placeholder is left, and the connection is live.</summary>
    private static async Task SettleAsync(ConsoleWindow window)
    {
        await Expect(window.Page.Locator("header.top [role=status]")).ToHaveTextAsync("Live");
        await Expect(window.Page.Locator("[aria-busy=true]")).ToHaveCountAsync(0);
    }

    private static Task<double> BrightnessAsync(IPage page) => page.EvaluateAsync<double>(
        "() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return (r + g + b) / 765; }");
}

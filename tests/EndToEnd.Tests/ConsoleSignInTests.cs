using System.Security.Cryptography;
using System.Text;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Tenfold.EndToEnd.Tests;

/// <summary>PLT-2, PLT-4: the console of a server that asks for a key.</summary>
public sealed class ConsoleSignInTests(ConsoleBrowser browser) : IClassFixture<ConsoleBrowser>
{
    private const string Key = "tf_0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task It_asks_for_the_key_and_keeps_it_in_this_tab_only()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));
        await using var server = await ConsoleServer.StartAsync($$"""{ "ApiKeys": [{ "Name": "operator", "Sha256": "{{hash}}", "Scopes": ["admin"] }] }""");
        await using var window = await browser.OpenAsync(server.Address);
        await window.GoAsync("#/rate-limiter/data");
        var field = window.Page.GetByLabel("API key or token");
        await field.FillAsync("tf_wrong");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(window.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("does not know this key");

        await field.FillAsync(Key);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        // The page that was asked for, not the front page.
        await Expect(window.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "api-per-user" })).ToBeVisibleAsync();
        await Expect(window.Page.Locator("header.top [role=status]")).ToHaveTextAsync("Live");

        Assert.Equal([Key], await window.Page.EvaluateAsync<string[]>("() => Object.values(sessionStorage)"));
        Assert.Empty(await window.Page.EvaluateAsync<string[]>("() => Object.values(localStorage).concat(document.cookie || [])"));
        Assert.DoesNotContain(window.Requests, url => url.Contains(Key, StringComparison.Ordinal));

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(field).ToBeVisibleAsync();
        Assert.Empty(await window.Page.EvaluateAsync<string[]>("() => Object.values(sessionStorage)"));
    }
}

using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Tenfold.EndToEnd.Tests;

/// <summary>Debian's Chromium, started once, and one server that the tests of a class share.</summary>
public sealed class ConsoleBrowser : IAsyncLifetime
{
    private const string Executable = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    internal ConsoleServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Executable))
            throw new InvalidOperationException($"{Executable} is missing: these tests drive a real browser. Run 'apt-get install chromium'.");
        Server = await ConsoleServer.StartAsync();
        // A busy machine is no fault.
        Assertions.SetDefaultExpectTimeout(30_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Executable,
            Args = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    /// <summary>A new window that nothing is kept in from another.</summary>
    internal async Task<ConsoleWindow> OpenAsync(Uri? address = null, int width = 1280, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
        });
        return await ConsoleWindow.CreateAsync(context, address ?? Server.Address);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (Server is not null)
            await Server.DisposeAsync();
    }
}

/// <summary>A window that watches what its page does: every request, every word on the console, every breach of the policy.</summary>
internal sealed class ConsoleWindow : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly Uri _address;
    private readonly ConcurrentQueue<string> _requests = [];
    private readonly ConcurrentQueue<string> _faults = [];

    private ConsoleWindow(IBrowserContext context, IPage page, Uri address) => (_context, Page, _address) = (context, page, address);

    public IPage Page { get; }

    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Errors and warnings of the page, and breaches of its policy, so far.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    public static async Task<ConsoleWindow> CreateAsync(IBrowserContext context, Uri address)
    {
        await context.AddInitScriptAsync("addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))");
        var window = new ConsoleWindow(context, await context.NewPageAsync(), address);
        window.Page.SetDefaultTimeout(30_000);
        window.Page.Request += (_, request) => window._requests.Enqueue(request.Url);
        window.Page.PageError += (_, error) => window._faults.Enqueue(error);
        window.Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                window._faults.Enqueue($"{message.Text} ({message.Location})");
        };
        return window;
    }

    /// <summary>Opens a deep link, as a bookmark would.</summary>
    public Task GoAsync(string link)
    {
        // A change of the fragment alone would not load the page anew.
        return Page.GotoAsync("about:blank").ContinueWith(_ => Page.GotoAsync(new Uri(_address, link).AbsoluteUri), TaskScheduler.Default).Unwrap();
    }

    public ILocator Text(string text) => Page.GetByText(text);

    public async Task<string> TileAsync(string name)
    {
        var tile = Page.Locator(".tile", new PageLocatorOptions { Has = Page.GetByText(name, new PageGetByTextOptions { Exact = true }) });
        return await tile.Locator(".figure").InnerTextAsync();
    }

    public ValueTask DisposeAsync() => new(_context.CloseAsync());
}

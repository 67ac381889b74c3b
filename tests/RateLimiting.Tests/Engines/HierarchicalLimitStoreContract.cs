using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>The contract over a real silo in this process, with the limits' time in the test's hand.</summary>
public sealed class HierarchicalLimitStoreContract : LimitStoreContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 34, 56, TimeSpan.Zero));
    private IHost? _host;

    protected override bool TimeIsVirtual => true;

    private protected override async ValueTask<ILimitStore> CreateAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        // A cold silo on a busy machine may take long for its first answer.
        var options = new HierarchyOptions { CallTimeout = TimeSpan.FromSeconds(3) };
        // The silo keeps real time for itself; only the limits live in the test's.
        builder.Services.AddSingleton(new HierarchicalSite(new HierarchicalClock(_time), options.ToTerms(oneClock: true), TimeProvider.System, OneProcess: true));
        builder.Services.AddHierarchicalLimitStore(options, EngineAddress.Parse("orleans://local/"));
        _host = builder.Build();
        await _host.StartAsync();
        return _host.Services.GetRequiredService<HierarchicalLimitStore>();
    }

    protected override async ValueTask DisposeEngineAsync()
    {
        await _host!.StopAsync();
        _host.Dispose();
    }

    protected override ValueTask AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return ValueTask.CompletedTask;
    }
}

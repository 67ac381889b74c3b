using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>Makes stores on a real server for tests.</summary>
internal static class RedisStores
{
    private static int _prefixes;

    /// <summary>Options on a server, with keys of their own; leases off unless asked for.</summary>
    public static RedisStoreOptions Options(RespServer server, FakeTimeProvider? clock = null, bool leases = false, string? prefix = null)
    {
        var options = new RedisStoreOptions
        {
            Address = server.Address,
            KeyPrefix = prefix ?? $"t{Interlocked.Increment(ref _prefixes)}",
            // A busy machine must not look like a dead server.
            CallTimeout = TimeSpan.FromSeconds(10),
            ConnectTimeout = TimeSpan.FromSeconds(20),
            ServerClock = clock,
        };
        options.Leases.Enabled = leases;
        return options;
    }

    /// <summary>A clock that starts at a whole day and moves only by hand.</summary>
    public static FakeTimeProvider Clock() => new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public static RedisLimitStore Store(RedisStoreOptions options, TimeProvider? time = null, bool runByItself = false) =>
        new(options, time ?? TimeProvider.System, NullLoggerFactory.Instance, runByItself);

    /// <summary>One check, decided.</summary>
    public static async Task<(StoreVerdict Verdict, LimitOutcome Outcome)> AskAsync(this ILimitStore store, Limit limit, string key, long cost = 1)
    {
        var outcomes = new LimitOutcome[1];
        return (await store.AcquireAsync(new LimitCheck[] { new(limit, key, cost) }, outcomes), outcomes[0]);
    }

    /// <summary>One check, looked at.</summary>
    public static async Task<LimitOutcome> LookAsync(this ILimitStore store, Limit limit, string key, long cost = 1)
    {
        var outcomes = new LimitOutcome[1];
        await store.PeekAsync(new LimitCheck[] { new(limit, key, cost) }, outcomes);
        return outcomes[0];
    }

    /// <summary>A reservation, settled.</summary>
    public static Task<SettleOutcome> EndAsync(this ILimitStore store, string id, long cost) =>
        store.SettleAsync(id, cost, TestContext.Current.CancellationToken).AsTask();

    /// <summary>One held check, reserved.</summary>
    public static async Task<(StoreVerdict Verdict, LimitOutcome Outcome)> HoldAsync(
        this ILimitStore store, string id, Limit limit, string key, long cost, TimeSpan expiresAfter)
    {
        var outcomes = new LimitOutcome[1];
        return (await store.ReserveAsync(id, new LimitCheck[] { new(limit, key, cost, Hold: true) }, outcomes, expiresAfter), outcomes[0]);
    }
}

/// <summary>One redis-server for a class of tests.</summary>
public sealed class RedisServerFixture : IAsyncLifetime
{
    public RedisServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RedisServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

/// <summary>One Garnet for a class of tests.</summary>
public sealed class GarnetServerFixture : IAsyncLifetime
{
    public GarnetServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await GarnetServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

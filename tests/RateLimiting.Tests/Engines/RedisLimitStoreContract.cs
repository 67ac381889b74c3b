using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;
using Tenfold.Testing;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>The contract on the Redis engine in virtual time: the script's clock is replaced, all else is real.</summary>
public abstract class RedisVirtualTimeContract(RespServer server) : LimitStoreContract
{
    private readonly FakeTimeProvider _clock = RedisStores.Clock();

    protected override bool TimeIsVirtual => true;

    // The server tells microseconds.
    protected override TimeSpan Tick => TimeSpan.FromMicroseconds(1);

    private protected override ValueTask<ILimitStore> CreateAsync() =>
        ValueTask.FromResult<ILimitStore>(RedisStores.Store(RedisStores.Options(server, _clock, prefix: "contract")));

    protected override ValueTask AdvanceAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return ValueTask.CompletedTask;
    }
}

/// <summary>The contract on the Redis engine by the server's own clock.</summary>
public abstract class RedisServerTimeContract(RespServer server) : LimitStoreContract
{
    protected override bool TimeIsVirtual => false;

    private protected override ValueTask<ILimitStore> CreateAsync() =>
        ValueTask.FromResult<ILimitStore>(RedisStores.Store(RedisStores.Options(server, prefix: "contract-real")));

    protected override async ValueTask AdvanceAsync(TimeSpan time)
    {
        // The server's clock is asked, so that a pause is as long by it as was promised.
        var until = await NowAsync() + time;
        await Eventually.HoldsAsync(async () => await NowAsync() > until, $"the server's clock to move on by {time}", time + Eventually.Deadline);
    }

    private async ValueTask<TimeSpan> NowAsync() => TimeSpan.FromMicroseconds(long.Parse(await server.CommandAsync(
        "EVAL", "local t = redis.call('TIME') return string.format('%.0f', tonumber(t[1]) * 1000000 + tonumber(t[2]))", "0")));
}

public sealed class RedisVirtualTimeOnRedisContract(RedisServerFixture fixture) : RedisVirtualTimeContract(fixture.Server), IClassFixture<RedisServerFixture>;

public sealed class RedisServerTimeOnRedisContract(RedisServerFixture fixture) : RedisServerTimeContract(fixture.Server), IClassFixture<RedisServerFixture>;

public sealed class RedisVirtualTimeOnGarnetContract(GarnetServerFixture fixture) : RedisVirtualTimeContract(fixture.Server), IClassFixture<GarnetServerFixture>;

public sealed class RedisServerTimeOnGarnetContract(GarnetServerFixture fixture) : RedisServerTimeContract(fixture.Server), IClassFixture<GarnetServerFixture>;

using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

public sealed class EmbeddedLimitStoreContract : LimitStoreContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 34, 56, TimeSpan.Zero));

    protected override bool TimeIsVirtual => true;

    private protected override ValueTask<ILimitStore> CreateAsync() =>
        ValueTask.FromResult<ILimitStore>(new EmbeddedLimitStore(new EmbeddedStoreOptions(), _time, NullLoggerFactory.Instance));

    protected override ValueTask AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return ValueTask.CompletedTask;
    }
}

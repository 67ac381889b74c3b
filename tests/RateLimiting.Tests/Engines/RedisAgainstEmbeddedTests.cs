using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>Two engines, one behaviour: any history gets the same answers from Redis as from the embedded store (RAT-1, RAT-3).</summary>
public sealed class RedisAgainstEmbeddedTests(RedisServerFixture fixture) : IClassFixture<RedisServerFixture>
{
    private static readonly LimitAlgorithm[] Rates =
        [LimitAlgorithm.TokenBucket, LimitAlgorithm.FixedWindow, LimitAlgorithm.SlidingWindowCounter, LimitAlgorithm.SlidingWindowLog];

    private static readonly Gen<Limit> Limits =
        from algorithm in Gen.Int[0, 3].Select(i => Rates[i])
        from permits in Gen.Frequency((3, Gen.Long[1, 40]), (1, Gen.Long[100, 5000]))
        from period in Gen.Long[1, 3_000_000]
        from burst in Gen.Long[1, 40]
        from id in Gen.Int[0, 1_000_000]
        select Limit.Create(
            $"{algorithm}-{permits}-{period}-{burst}-{id}", algorithm, permits, TimeSpan.FromMicroseconds(period),
            algorithm == LimitAlgorithm.TokenBucket ? burst : null);

    private static readonly Gen<(int Kind, int First, int Second, long Cost, long Wait)> Steps =
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 1], Gen.Int[0, 1], Gen.Frequency((4, Gen.Long[0, 15]), (1, Gen.Long[0, 2000])), Gen.Long[0, 1_000_000]);

    [Fact]
    public async Task Any_history_has_the_same_answers() =>
        await Gen.Select(Limits.Array[2], Steps.Array[1, 60]).SampleAsync(async history => await SameAsync(history.Item1, history.Item2), iter: 300, threads: 1);

    private async Task SameAsync(Limit[] limits, (int Kind, int First, int Second, long Cost, long Wait)[] steps)
    {
        await fixture.Server.FlushAsync();
        var clock = RedisStores.Clock();
        await using var redis = RedisStores.Store(RedisStores.Options(fixture.Server, clock));
        await using var embedded = new EmbeddedLimitStore(new EmbeddedStoreOptions(), clock, NullLoggerFactory.Instance);
        var held = 0;
        foreach (var step in steps)
        {
            clock.Advance(TimeSpan.FromMicroseconds(step.Wait));
            LimitCheck[] checks = step.Kind < 4
                ? [new(limits[step.First], "a", step.Cost)]
                : [new(limits[step.First], "a", step.Cost, Hold: true), new(limits[1 - step.First], "a", 1, Hold: step.Second == 0)];
            switch (step.Kind)
            {
                case 8:
                    held++;
                    await BothAsync((store, outcomes) => store.ReserveAsync($"r{held}", checks, outcomes, TimeSpan.FromMicroseconds(900_000)));
                    break;
                case 9 when held > 0:
                    var id = $"r{1 + (step.First % held)}";
                    Assert.Equal(await embedded.EndAsync(id, step.Cost), await redis.EndAsync(id, step.Cost));
                    break;
                case 0:
                    await BothAsync((store, outcomes) => store.PeekAsync(checks, outcomes));
                    break;
                default:
                    await BothAsync((store, outcomes) => store.AcquireAsync(checks, outcomes));
                    break;
            }

            async Task BothAsync(Func<ILimitStore, LimitOutcome[], ValueTask<StoreVerdict>> ask)
            {
                var (here, there) = (new LimitOutcome[checks.Length], new LimitOutcome[checks.Length]);
                Assert.Equal(await ask(embedded, here), await ask(redis, there));
                for (var i = 0; i < checks.Length; i++)
                {
                    Assert.Equal((here[i].HasRoom, here[i].Remaining), (there[i].HasRoom, there[i].Remaining));
                    // The embedded store tells tenths of a microsecond, Redis whole ones, both rounded up.
                    Assert.InRange(there[i].RetryAfter - here[i].RetryAfter, TimeSpan.Zero, TimeSpan.FromMicroseconds(1));
                    Assert.InRange(there[i].ResetAfter - here[i].ResetAfter, TimeSpan.Zero, TimeSpan.FromMicroseconds(1));
                }
            }
        }
    }
}

using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Adaptive;

namespace Tenfold.RateLimiting.Tests.Adaptive;

public sealed class AdaptiveLimiterTests
{
    [Fact]
    public async Task Many_threads_never_hold_more_places_than_the_limit()
    {
        var limiter = new AdaptiveLimiter(new AdaptiveOptions { InitialLimit = 7, MaxLimit = 7 }, new FakeTimeProvider());
        var most = 0;
        var held = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                if (!limiter.TryEnter("t", WorkPriority.Critical, out var lease))
                    continue;
                var now = Interlocked.Increment(ref held);
                for (var seen = Volatile.Read(ref most); now > seen; seen = Volatile.Read(ref most))
                    Interlocked.CompareExchange(ref most, now, seen);
                Interlocked.Decrement(ref held);
                lease.Complete(WorkOutcome.Done);
            }
        }, TestContext.Current.CancellationToken)));
        Assert.InRange(most, 1, 7);
        Assert.Equal(0, limiter.InFlight);
    }

    [Fact]
    public void A_place_comes_back_once()
    {
        var limiter = new AdaptiveLimiter(new AdaptiveOptions(), new FakeTimeProvider());
        Assert.True(limiter.TryEnter("t", WorkPriority.Normal, out var lease));
        lease.Complete(WorkOutcome.Ignored);
        lease.Complete(WorkOutcome.Ignored);
        default(AdaptiveLease).Complete(WorkOutcome.Done);
        Assert.Equal(0, limiter.InFlight);
    }

    [Fact]
    public void Bulk_is_refused_before_normal_before_critical()
    {
        var limiter = new AdaptiveLimiter(new AdaptiveOptions { InitialLimit = 10, MaxLimit = 10 }, new FakeTimeProvider());
        Assert.Equal(7, EnterAll(limiter, WorkPriority.Bulk));
        Assert.Equal(2, EnterAll(limiter, WorkPriority.Normal));
        Assert.Equal(1, EnterAll(limiter, WorkPriority.Critical));
    }

    [Fact]
    public void Faulty_options_are_refused_with_every_fault()
    {
        var fault = Assert.Throws<ArgumentException>(() => new AdaptiveLimiter(new AdaptiveOptions { MinLimit = 0, Tolerance = double.NaN }, TimeProvider.System));
        Assert.Contains("MinLimit = 0", fault.Message, StringComparison.Ordinal);
        Assert.Contains("Tolerance = NaN", fault.Message, StringComparison.Ordinal);
    }

    private static int EnterAll(AdaptiveLimiter limiter, WorkPriority priority)
    {
        var count = 0;
        while (count < 100 && limiter.TryEnter($"t{count}", priority, out _))
            count++;
        return count;
    }
}

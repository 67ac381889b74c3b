using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Tests.Faults;

public sealed class CpuQuotaTests
{
    private const double Part = 0.1;

    private readonly LabClock _clock = new(TimeProvider.System);
    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_capped_process_needs_ten_times_as_long(bool byDutyCycle)
    {
        await using var child = new ChildProcess(_clock, "spinner", ["/bin/sh", "-c", "while :; do :; done"], ".");
        await child.StartAsync(_ => Task.FromResult(true), TimeSpan.FromSeconds(5), _cancelled);
        await using var quota = byDutyCycle ? new DutyCycleQuota(child, Part, _clock) : CpuQuota.Apply(child, Part, _clock);
        var (start, used) = (_clock.Now, child.ProcessorTime());

        // The cap can only be exceeded by being too fast: another load on the machine makes it slower, never faster.
        const double Work = 0.12;
        var deadline = start + 60 * LabClock.Second;
        while ((child.ProcessorTime() - used).TotalSeconds < Work)
        {
            Assert.True(_clock.Now < deadline, "the process must go on under its cap");
            await Task.Yield();
        }

        // One period of grace at either end, and the clock tick in which processor time is counted.
        Assert.True((_clock.Now - start) / 1e9 >= (Work - 0.05) / Part, $"{Work} s of work done in {(_clock.Now - start) / 1e9} s by {quota.Method}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.5)]
    public void A_quota_out_of_range_is_refused(double part) => Assert.Throws<LabException>(() => CpuQuota.Apply(null!, part, _clock));
}

using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Engines;

/// <summary>
/// The process that the crash test kills: this test program itself, when started with <see cref="Variable"/> set. It decides without end and
/// prints a line after each acknowledgement.
/// </summary>
internal static class EmbeddedJournalChild
{
    public const string Variable = "TENFOLD_TESTS_JOURNAL";
    public const int Keys = 40;

    public static readonly Limit Yearly = Limit.Create("yearly", LimitAlgorithm.SlidingWindowCounter, 100_000_000, TimeSpan.FromDays(366));
    public static readonly Limit Logged = Limit.Create("logged", LimitAlgorithm.SlidingWindowLog, 100_000, TimeSpan.FromDays(366));
    public static readonly Limit Held = Limit.Create("held", LimitAlgorithm.FixedWindow, 1_000_000_000, TimeSpan.FromDays(366));

    public static EmbeddedStoreOptions OptionsFor(string path) => new()
    {
        JournalPath = path,
        JournalDurability = JournalDurability.Os,
        JournalCompactAtBytes = 1 << 20,
    };

    public static LimitCheck[] Checks(int i) => [new LimitCheck(Yearly, $"k{i % Keys}"), new LimitCheck(Held, "all")];

#pragma warning disable CA2255 // The test program's entry point is generated: only here can it become the child.
    [ModuleInitializer]
    internal static void Run()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } path)
            return;
        RunAsync(path).GetAwaiter().GetResult();
        Environment.Exit(0);
    }
#pragma warning restore CA2255

    private static async Task RunAsync(string path)
    {
        await using var store = new EmbeddedLimitStore(OptionsFor(path), TimeProvider.System, NullLoggerFactory.Instance);
        var run = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        var outcomes = new LimitOutcome[2];
        for (var i = 0; i < 1_000_000; i++)
        {
            if (await store.AcquireAsync(Checks(i), outcomes) == StoreVerdict.Admitted)
                Console.WriteLine($"A {i % Keys}");
            if (i % 10 == 0 && store.TryAcquire("log", Logged, 1, out _))
                Console.WriteLine("L");
            if (i % 7 != 0)
                continue;
            LimitCheck[] hold = [new LimitCheck(Held, "held", 5, Hold: true)];
            if (await store.ReserveAsync($"{run}-{i}", hold, outcomes, TimeSpan.FromHours(1)) == StoreVerdict.Admitted)
                Console.WriteLine($"R {run}-{i}");
            if (i % 2 == 0 && await store.SettleAsync($"{run}-{i}", 3) == SettleOutcome.Settled)
                Console.WriteLine($"S {run}-{i}");
        }
    }
}

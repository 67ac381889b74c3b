using Microsoft.Extensions.Logging;
using Tenfold.RateLimiting.Leases;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Speaks with the region's aggregator of one bucket of keys: one report at a time, with all keys that are due or waited for.
/// </summary>
/// <remarks>It sleeps without a timer while none of its keys holds or wants anything.</remarks>
internal sealed partial class HierarchicalLink(
    string holder, HierarchicalSite site, TimeSpan callTimeout, Func<QuotaReports, Task<LeaseGrant?[]>> report, Action<HierarchicalKey> retire, ILogger logger)
    : IAsyncDisposable
{
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<HierarchicalKey> _active = [];
    private readonly List<HierarchicalKey> _batch = [];
    private Task? _loop;
    private volatile bool _isBroken;
    private int _disposed;

    /// <summary>Whether the last report had no answer.</summary>
    public bool IsBroken => _isBroken;

    /// <summary>Reports sent.</summary>
    public long Calls { get; private set; }

    /// <summary>Takes in a key that was just made.</summary>
    public void Add(HierarchicalKey key)
    {
        lock (_gate)
        {
            _active.Add(key);
            _loop ??= Task.Run(RunAsync);
        }
    }

    /// <summary>Says that a request waits.</summary>
    public void Signal()
    {
        try
        {
            if (_signal.CurrentCount == 0)
                _signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // Two signals at once are one.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _stop.CancelAsync();
        if (_loop is { } loop)
            await loop;
        _stop.Dispose();
        _signal.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var wait = Collect(site.Clock.Now);
            if (_batch.Count > 0)
                await ReportAsync();
            else
                await WaitAsync(wait);
        }

        // Who still waits hears that nothing will come.
        Collect(long.MaxValue);
        foreach (var key in _batch)
        {
            lock (key.Gate)
                key.Report(site.Clock.Now).Answer?.TrySetResult(false);
        }
    }

    private async Task WaitAsync(TimeSpan wait)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using var due = wait == Timeout.InfiniteTimeSpan ? null : site.Clock.Time.CreateTimer(static state => ((HierarchicalLink)state!).Signal(), this, wait, Timeout.InfiniteTimeSpan);
        await _signal.WaitAsync(timer.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Fills the batch with what is due or waited for; retires what is idle; says how long there is nothing to do.
    private TimeSpan Collect(long now)
    {
        _batch.Clear();
        var next = long.MaxValue;
        lock (_gate)
        {
            for (var i = _active.Count - 1; i >= 0; i--)
            {
                var key = _active[i];
                lock (key.Gate)
                {
                    var due = key.Lease.NextReportAt();
                    if (key.IsAwaited || due <= now)
                    {
                        _batch.Add(key);
                    }
                    else if (key.Lease.IsIdle && due == long.MaxValue)
                    {
                        key.IsRetired = true;
                        retire(key);
                        _active[i] = _active[^1];
                        _active.RemoveAt(_active.Count - 1);
                    }
                    else
                    {
                        next = Math.Min(next, due);
                    }
                }
            }
        }

        return next == long.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(Math.Clamp(next - now, TimeSpan.TicksPerMillisecond, TimeSpan.TicksPerDay));
    }

    private async Task ReportAsync()
    {
        var keys = _batch.ToArray();
        var entries = new QuotaReport[keys.Length];
        var answers = new TaskCompletionSource<bool>?[keys.Length];
        var now = site.Clock.Now;
        for (var i = 0; i < keys.Length; i++)
        {
            lock (keys[i].Gate)
                (entries[i], answers[i]) = keys[i].Report(now);
        }

        Calls++;
        LeaseGrant?[]? grants = null;
        try
        {
            grants = await report(new QuotaReports(holder, entries)).WaitAsync(callTimeout, site.Waits, _stop.Token);
            _isBroken = false;
        }
        catch (Exception fault)
        {
            // Whatever went wrong, the round is lost; the leases run on, and the next round asks again.
            if (!_isBroken && !_stop.IsCancellationRequested)
                LogCutOff(fault, holder);
            _isBroken = true;
        }

        now = site.Clock.Now;
        for (var i = 0; i < keys.Length; i++)
        {
            lock (keys[i].Gate)
            {
                if (grants?[i] is not { } grant || !keys[i].Apply(now, grant))
                    keys[i].Lease.Abandon();
            }

            answers[i]?.TrySetResult(grants is not null);
        }
    }

    [LoggerMessage(7121, LogLevel.Warning, "Node {Node} cannot reach its aggregator; it goes on with what it has leased.")]
    private partial void LogCutOff(Exception fault, string node);
}

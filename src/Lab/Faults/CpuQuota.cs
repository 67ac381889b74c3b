using System.Globalization;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Faults;

/// <summary>
/// Caps a process at a part of one processor, so that several "machines" fit into one: by the kernel (Linux control groups, where they
/// may be written), else from outside by stopping the process whenever it has used more than its part.
/// </summary>
internal abstract class CpuQuota : IAsyncDisposable
{
    /// <summary>How it is done, for the record.</summary>
    public abstract string Method { get; }

    /// <summary>Caps the process.</summary>
    /// <param name="child">The process.</param>
    /// <param name="part">Of one processor, 0.01 to 1.</param>
    /// <param name="clock">The run's clock.</param>
    public static CpuQuota Apply(ChildProcess child, double part, LabClock clock)
    {
        if (part is not (>= 0.01 and <= 1))
            throw new LabException($"quota = {part}: must be 0.01 to 1 of a processor.");
        return (CpuQuota?)ControlGroupQuota.TryApply(child, part) ?? new DutyCycleQuota(child, part, clock);
    }

    public abstract ValueTask DisposeAsync();
}

/// <summary>The kernel's own cap: <c>cpu.max</c> of version 2, or <c>cpu.cfs_quota_us</c> of version 1.</summary>
internal sealed class ControlGroupQuota : CpuQuota
{
    /// <summary>Short, so that a capped server is slow rather than absent: at 100 ms, the kernel's default, every answer would wait for the next.</summary>
    private const int PeriodMicroseconds = 20_000;

    private readonly string _group;
    private readonly string _parent;

    private ControlGroupQuota(string group, string parent, string method)
    {
        _group = group;
        _parent = parent;
        Method = method;
    }

    public override string Method { get; }

    public static ControlGroupQuota? TryApply(ChildProcess child, double part)
    {
        var quota = (long)(part * PeriodMicroseconds);
        // The greatest weight as well: what the cap allows is then there even when the machine is busy with something else.
        foreach (var (parent, file, text, weight, greatest, method) in new[]
        {
            ("/sys/fs/cgroup", "cpu.max", $"{quota} {PeriodMicroseconds}", "cpu.weight", "10000", "control group, version 2"),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", quota.ToString(CultureInfo.InvariantCulture), "cpu.shares", "262144", "control group, version 1"),
        })
        {
            var group = Path.Combine(parent, $"tenfold-lab-{Environment.ProcessId}-{child.Process.Id}");
            try
            {
                if (!Directory.Exists(parent) || !File.Exists(Path.Combine(parent, "cgroup.procs")))
                    continue;
                Directory.CreateDirectory(group);
                if (!File.Exists(Path.Combine(group, file)))
                {
                    Directory.Delete(group);
                    continue;
                }

                if (file != "cpu.max")
                    File.WriteAllText(Path.Combine(group, "cpu.cfs_period_us"), PeriodMicroseconds.ToString(CultureInfo.InvariantCulture));
                File.WriteAllText(Path.Combine(group, file), text);
                File.WriteAllText(Path.Combine(group, weight), greatest);
                File.WriteAllText(Path.Combine(group, "cgroup.procs"), child.Process.Id.ToString(CultureInfo.InvariantCulture));
                return new ControlGroupQuota(group, parent, method);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                Remove(group);
            }
        }

        return null;
    }

    /// <summary>A group can be removed only once its process is gone or elsewhere: it is moved to the parent first.</summary>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var process in await File.ReadAllLinesAsync(Path.Combine(_group, "cgroup.procs")))
                await File.WriteAllTextAsync(Path.Combine(_parent, "cgroup.procs"), process);
        }
        catch (IOException)
        {
            // The process ended in between.
        }

        Remove(_group);
    }

    private static void Remove(string group)
    {
        try
        {
            Directory.Delete(group);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The kernel removes an empty group with its last process' end at the latest on reboot; nothing of ours depends on it.
        }
    }
}

/// <summary>Without rights on control groups: a budget of processor time that is watched fifty times a second (SIGSTOP, SIGCONT).</summary>
internal sealed class DutyCycleQuota : CpuQuota
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _governing;

    public DutyCycleQuota(ChildProcess child, double part, LabClock clock)
    {
        if (!ProcessSignal.Supported)
            throw new LabException("This system has neither control groups nor SIGSTOP: processes cannot be capped.");
        _governing = GovernAsync(child, part, clock);
    }

    public override string Method => "stop and continue by a budget of processor time";

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _governing;
        _stop.Dispose();
    }

    private async Task GovernAsync(ChildProcess child, double part, LabClock clock)
    {
        var process = child.Process;
        var (start, used) = (clock.Now, child.ProcessorTime());
        var paused = false;
        using var timer = new PeriodicTimer(Tick, clock.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token) && !process.HasExited)
            {
                var over = (child.ProcessorTime() - used).TotalSeconds - part * (clock.Now - start) / 1e9;
                if (over > 0 == paused)
                    continue;
                paused = over > 0;
                if (paused)
                    ProcessSignal.Pause(process);
                else
                    ProcessSignal.Continue(process);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or InvalidOperationException or LabException)
        {
            // Stopped, or the process ended in between.
        }
        finally
        {
            if (paused)
                ProcessSignal.Continue(process);
        }
    }
}

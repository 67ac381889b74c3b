using System.Net;
using System.Text;
using Tenfold.Lab.Faults;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Tests.Faults;

public sealed class ChildProcessTests
{
    private static readonly Func<CancellationToken, Task<bool>> AtOnce = _ => Task.FromResult(true);

    private readonly LabClock _clock = new(TimeProvider.System);
    private readonly CancellationToken _cancelled = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_program_that_ends_instead_of_serving_is_explained_by_its_own_words()
    {
        await using var child = new ChildProcess(_clock, "the server", ["/bin/sh", "-c", "echo port is taken >&2; exit 3"], ".");

        var fault = await Assert.ThrowsAsync<LabException>(() => child.StartAsync(_ => Task.FromResult(false), TimeSpan.FromSeconds(20), _cancelled));

        Assert.Contains("ended with code 3", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        await using var child = new ChildProcess(_clock, "the server", ["/nowhere/tenfold"], ".");

        var fault = await Assert.ThrowsAsync<LabException>(() => child.StartAsync(AtOnce, TimeSpan.FromSeconds(1), _cancelled));

        Assert.Contains("/nowhere/tenfold", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_kill_is_final_and_a_restart_is_a_new_process()
    {
        await using var child = new ChildProcess(_clock, "sleeper", ["/bin/sleep", "600"], ".");
        await child.StartAsync(AtOnce, TimeSpan.FromSeconds(5), _cancelled);
        var first = child.Process.Id;

        await child.RestartAsync(AtOnce, TimeSpan.FromSeconds(5), _cancelled);

        Assert.NotEqual(first, child.Process.Id);
        Assert.Equal(1, child.Restarts);
        Assert.False(Directory.Exists($"/proc/{first}"));
    }

    [Fact]
    public async Task A_pause_stops_the_process_and_a_continue_lets_it_run_on()
    {
        await using var child = new ChildProcess(_clock, "sleeper", ["/bin/sleep", "600"], ".");
        await child.StartAsync(AtOnce, TimeSpan.FromSeconds(5), _cancelled);

        ProcessSignal.Pause(child.Process);
        await StateAsync(child, 'T');
        ProcessSignal.Continue(child.Process);
        await StateAsync(child, 'S');
    }

    [Fact]
    public async Task Nothing_is_left_running_even_when_paused()
    {
        int id;
        await using (var child = new ChildProcess(_clock, "sleeper", ["/bin/sleep", "600"], "."))
        {
            await child.StartAsync(AtOnce, TimeSpan.FromSeconds(5), _cancelled);
            id = child.Process.Id;
            ProcessSignal.Pause(child.Process);
        }

        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [Fact]
    public async Task Faults_leave_marks_with_their_times()
    {
        var plan = new FaultPlan(_clock);
        string? during = null;

        await plan.InjectAsync("cut", TimeSpan.Zero, TimeSpan.Zero, () =>
        {
            during = plan.Current;
            return Task.CompletedTask;
        }, () => Task.CompletedTask, _cancelled);

        Assert.Equal("cut", during);
        Assert.Null(plan.Current);
        var mark = Assert.Single(plan.Marks);
        Assert.True(mark.End >= mark.Start);
    }

    [Fact]
    public async Task A_free_port_refuses_and_a_server_accepts()
    {
        await using var server = new ScriptedServer(_ => Encoding.ASCII.GetBytes("x"));

        Assert.True(await ChildProcess.AcceptsAsync(server.Address, _cancelled));
        Assert.False(await ChildProcess.AcceptsAsync(new IPEndPoint(IPAddress.Loopback, ChildProcess.FreePort()), _cancelled));
    }

    private async Task StateAsync(ChildProcess child, char expected)
    {
        var deadline = _clock.Now + 20 * LabClock.Second;
        while (_clock.Now < deadline)
        {
            var stat = await File.ReadAllTextAsync($"/proc/{child.Process.Id}/stat", _cancelled);
            if (stat[stat.LastIndexOf(')') + 2] == expected)
                return;
        }

        Assert.Fail($"the process never reached state {expected}");
    }
}

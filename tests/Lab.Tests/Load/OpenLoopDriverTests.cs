using System.Text;
using Tenfold.Lab.Load;

namespace Tenfold.Lab.Tests.Load;

public sealed class OpenLoopDriverTests
{
    private static readonly byte[] Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray();

    private readonly LabClock _clock = new(TimeProvider.System);

    [Fact]
    public async Task A_stall_counts_in_full_for_every_request_that_was_due_in_it()
    {
        await using var server = new ScriptedServer(_ => Ok);
        var phase = Phase(server, rate: 1000, seconds: 1.5) with { Connections = 2, RequestDeadline = TimeSpan.FromSeconds(30) };
        var stalled = 0L;
        var resumed = 0L;

        // The driver's own quarter-second report drives the fault: stalls at the first, resumes at the third.
        var ticks = 0;
        var result = await OpenLoopDriver.RunAsync(_clock, phase, _ =>
        {
            ticks++;
            if (ticks == 1)
            {
                server.Stall();
                stalled = _clock.Now;
            }
            else if (ticks == 3)
            {
                resumed = _clock.Now;
                server.Resume();
            }
        }, TestContext.Current.CancellationToken);

        // A driver that waits for answers would have sent two requests into the stall and called the rest fast. Here each of the
        // thousand a second that were due in it waited from its due time until the end: the median of the stalled half is half a stall.
        var stall = (resumed - stalled) / 1e9;
        var due = stall * 1000;
        Assert.Equal(0, result.Errors);
        Assert.True(result.LatencySeconds.Max >= stall * 0.9, $"max {result.LatencySeconds.Max} of a stall of {stall}");
        Assert.True(result.LatencySeconds.P90 >= stall * 0.3, $"p90 {result.LatencySeconds.P90} of a stall of {stall}");
        Assert.True(((RecordingWorkload)phase.Workload).Count(exchange => exchange.Ended - exchange.Intended > stall * 0.5e9) >= due * 0.4);
        Assert.True(LittlesLaw.Difference(result) < LittlesLaw.Tolerance, $"L {result.InSystem}");
    }

    [Fact]
    public async Task Every_arrival_ends_exactly_once_and_the_counts_add_up()
    {
        var answers = 0;
        await using var server = new ScriptedServer(_ => Interlocked.Increment(ref answers) switch
        {
            var n when n % 50 == 0 => null,
            var n when n % 7 == 0 => "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"u8.ToArray(),
            var n when n % 11 == 0 => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"u8.ToArray(),
            _ => Ok,
        });
        var phase = Phase(server, rate: 2000, seconds: 0.5) with { Random = new Random(7) };

        var result = await OpenLoopDriver.RunAsync(_clock, phase, null, TestContext.Current.CancellationToken);

        var workload = (RecordingWorkload)phase.Workload;
        Assert.Equal(workload.Issued, workload.Exchanges.Count);
        Assert.Equal(workload.Issued, result.Admitted + result.Rejected + result.Errors);
        Assert.Equal(workload.Count(exchange => exchange.Ending == Ending.Rejected), result.Rejected);
        Assert.True(workload.Count(exchange => exchange is { Ending: Ending.Rejected, RetryAfter: 3, Status: 429 }) == result.Rejected);
        Assert.True(workload.Count(exchange => exchange.Ending == Ending.ConnectionLost) > 0);
        Assert.True(workload.Count(exchange => exchange is { Ending: Ending.Failed, Status: 503 }) > 0);
        Assert.All(workload.Exchanges, exchange => Assert.True(exchange.Intended <= exchange.Sent && exchange.Sent <= exchange.Ended));
    }

    [Fact]
    public async Task A_server_that_never_answers_costs_each_request_its_deadline_and_no_more()
    {
        await using var server = new ScriptedServer(_ => Ok);
        server.Stall();
        var phase = Phase(server, rate: 200, seconds: 0.3) with { RequestDeadline = TimeSpan.FromSeconds(0.2), Connections = 4 };

        var result = await OpenLoopDriver.RunAsync(_clock, phase, null, TestContext.Current.CancellationToken);

        Assert.Equal(0, result.Admitted + result.Rejected);
        Assert.Equal(((RecordingWorkload)phase.Workload).Issued, result.Errors);
        Assert.True(result.LatencySeconds.P50 >= 0.19, "time waited in vain counts");
    }

    [Fact]
    public async Task Where_nothing_listens_every_request_is_an_error_and_the_phase_ends()
    {
        var server = new ScriptedServer(_ => Ok);
        var phase = Phase(server, rate: 200, seconds: 0.2) with { RequestDeadline = TimeSpan.FromSeconds(0.1) };
        await server.DisposeAsync();

        var result = await OpenLoopDriver.RunAsync(_clock, phase, null, TestContext.Current.CancellationToken);

        Assert.Equal(((RecordingWorkload)phase.Workload).Issued, result.Errors);
        Assert.All(((RecordingWorkload)phase.Workload).Exchanges, exchange => Assert.Equal(Ending.NotSent, exchange.Ending));
    }

    [Fact]
    public async Task The_load_is_bounded_in_count_whatever_its_rate_and_duration()
    {
        await using var server = new ScriptedServer(_ => Ok);
        var phase = Phase(server, rate: 5000, seconds: 0.4) with { MaxRequests = 100 };

        var result = await OpenLoopDriver.RunAsync(_clock, phase, null, TestContext.Current.CancellationToken);

        Assert.Equal(100, result.Admitted);
    }

    [Fact]
    public async Task Pipelined_answers_are_matched_in_order()
    {
        // Answers each CL.THROTTLE with its own key's parity, so that a mismatch would show.
        await using var server = new ScriptedServer(chunk =>
        {
            var requests = Encoding.ASCII.GetString(chunk.Span).Split("*5\r\n", StringSplitOptions.RemoveEmptyEntries);
            return Encoding.ASCII.GetBytes(string.Concat(requests.Select(request =>
            {
                var key = int.Parse(request.Split("\r\n")[3][2..]);
                return $"*5\r\n:{key % 2}\r\n:10\r\n:0\r\n:{(key % 2 == 0 ? -1 : 4)}\r\n:9\r\n";
            })));
        });
        var phase = Phase(server, rate: 20_000, seconds: 0.3) with { Protocol = new ThrottleProtocol("k:", 9, 10, 1, depth: 16), Connections = 2, RequestDeadline = TimeSpan.FromSeconds(30) };

        var result = await OpenLoopDriver.RunAsync(_clock, phase, null, TestContext.Current.CancellationToken);

        Assert.Equal(0, result.Errors);
        Assert.All(((RecordingWorkload)phase.Workload).Exchanges, exchange =>
            Assert.Equal(exchange.Key % 2 == 0 ? (Ending.Admitted, (long?)null) : (Ending.Rejected, 4L), (exchange.Ending, exchange.RetryAfter)));
    }

    [Fact]
    public async Task Cancelling_ends_the_phase()
    {
        await using var server = new ScriptedServer(_ => Ok);
        using var stop = new CancellationTokenSource();
        var phase = Phase(server, rate: 100, seconds: 60);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => OpenLoopDriver.RunAsync(_clock, phase, _ => stop.Cancel(), stop.Token));
    }

    private static LoadPhase Phase(ScriptedServer server, double rate, double seconds) => new()
    {
        Name = "test",
        Target = server.Address,
        Protocol = new HttpProtocol("localhost", ["/a", "/b", "/c"]),
        Workload = new RecordingWorkload(3),
        RatePerSecond = rate,
        Duration = TimeSpan.FromSeconds(seconds),
        Connections = 8,
        RequestDeadline = TimeSpan.FromSeconds(10),
    };

    private sealed class RecordingWorkload(int keys) : IWorkload
    {
        public List<Exchange> Exchanges { get; } = [];

        public int Issued { get; private set; }

        public int NextKey() => Issued++ % keys;

        public void Observe(in Exchange exchange) => Exchanges.Add(exchange);

        public int Count(Predicate<Exchange> predicate) => Exchanges.FindAll(predicate).Count;
    }
}

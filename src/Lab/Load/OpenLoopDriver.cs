namespace Tenfold.Lab.Load;

/// <summary>
/// Offers load by a schedule that the server cannot slow down, and measures latency from the moment at which each request was
/// due (Tene's "coordinated omission": a driver that waits for answers leaves out just the slow ones).
/// </summary>
/// <remarks>
/// One thread, one loop, non-blocking sockets: due requests go out, answers come in, and <c>ppoll</c> waits for whichever is next.
/// No locks, and on two processors the server keeps one. Bounded: arrivals by rate, duration and <see cref="LoadPhase.MaxRequests"/>,
/// waiting ones by <see cref="LoadPhase.MaxBacklog"/>, each by <see cref="LoadPhase.RequestDeadline"/>.
/// </remarks>
internal sealed class OpenLoopDriver
{
    private readonly LabClock _clock;
    private readonly LoadPhase _phase;
    private readonly Action<PhaseMeter>? _report;
    private readonly Queue<(int Key, long Intended)> _backlog = new();
    private readonly LoadConnection[] _connections;
    private readonly Readiness _readiness;
    private readonly int[] _ready;
    private readonly long _deadline;
    private PhaseMeter _meter = null!;
    private int _turn;
    private int _inFlight;

    private OpenLoopDriver(LabClock clock, LoadPhase phase, Action<PhaseMeter>? report)
    {
        _clock = clock;
        _phase = phase;
        _report = report;
        _connections = [.. Enumerable.Range(0, phase.Connections).Select(_ => new LoadConnection(phase.Target, phase.Protocol))];
        _readiness = new Readiness(phase.Connections);
        _ready = new int[phase.Connections];
        _deadline = LabClock.Nanoseconds(phase.RequestDeadline);
    }

    /// <summary>Runs a phase on a thread of its own.</summary>
    /// <param name="clock">The run's clock.</param>
    /// <param name="phase">The load.</param>
    /// <param name="report">Called on the driver's thread each quarter second.</param>
    /// <param name="cancellationToken">Breaks the phase off.</param>
    public static Task<PhaseResult> RunAsync(
        LabClock clock, LoadPhase phase, Action<PhaseMeter>? report, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(
            () => new OpenLoopDriver(clock, phase, report).Run(cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

    private PhaseResult Run(CancellationToken cancellationToken)
    {
        Readiness.SharpenThisThread();
        try
        {
            OpenConnections(cancellationToken);
            return Drive(cancellationToken);
        }
        finally
        {
            foreach (var connection in _connections)
                connection.Dispose();
        }
    }

    /// <summary>Connects before the first request is due, so that handshakes are not measured; gives up after the request deadline.</summary>
    private void OpenConnections(CancellationToken cancellationToken)
    {
        var until = _clock.Now + _deadline;
        while (_clock.Now < until && !Array.TrueForAll(_connections, connection => connection.IsOpen))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var connection in _connections)
                connection.Tend(_clock.Now);
            _readiness.Clear();
            _readiness.Wait(1_000_000, _ready);
        }
    }

    private PhaseResult Drive(CancellationToken cancellationToken)
    {
        var start = _clock.Now;
        var end = start + LabClock.Nanoseconds(_phase.Duration);
        var schedule = new ArrivalSchedule(start, _phase.RatePerSecond, _phase.Random);
        _meter = new PhaseMeter(start);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var now = _clock.Now;
            TakeArrivals(schedule, now, end);
            GiveUpLate(now);
            Send();
            if (_meter.Tick(now))
                _report?.Invoke(_meter);
            if (now >= end && _inFlight == 0 && _backlog.Count == 0)
                return _meter.Finish(_phase, now);
            Receive(NextEvent(schedule, now, end) - now);
        }
    }

    private void TakeArrivals(ArrivalSchedule schedule, long now, long end)
    {
        while (schedule.Next <= now && schedule.Next < end && _meter.Arrivals < _phase.MaxRequests)
        {
            _meter.Arrived(schedule.Next, now);
            _backlog.Enqueue((_phase.Workload.NextKey(), schedule.Next));
            schedule.Advance();
        }
    }

    private void GiveUpLate(long now)
    {
        while (_backlog.TryPeek(out var oldest) && (now - oldest.Intended > _deadline || _backlog.Count > _phase.MaxBacklog))
        {
            _backlog.Dequeue();
            End(new Exchange(oldest.Key, oldest.Intended, now, now, Ending.NotSent));
        }

        foreach (var connection in _connections)
        {
            // HTTP/1.1 and RESP cannot cancel one request: the connection has to go.
            if (now - connection.OldestSent > _deadline && connection.InFlightCount > 0)
                Drop(connection, now, Ending.TimedOut);
            else
                connection.Tend(now);
        }
    }

    private void Send()
    {
        for (var i = 0; i < _connections.Length && _backlog.Count > 0; i++)
        {
            _turn = (_turn + 1) % _connections.Length;
            var connection = _connections[_turn];
            var room = connection.Room;
            if (room == 0)
                continue;
            // Fresh for each connection: the promise checker needs the time just before this send, not the loop's.
            var now = _clock.Now;
            for (; room > 0 && _backlog.TryDequeue(out var request); room--)
            {
                connection.Queue(request.Key, request.Intended, now);
                _inFlight++;
            }

            if (!connection.Flush())
                Drop(connection, _clock.Now, Ending.ConnectionLost);
        }
    }

    private void Receive(long wait)
    {
        _readiness.Clear();
        for (var i = 0; i < _connections.Length; i++)
        {
            if (_connections[i].IsOpen)
                _readiness.Add(_connections[i].Socket!, i, _connections[i].WantsToWrite);
        }

        var count = _readiness.Wait(wait, _ready);
        for (var i = 0; i < count; i++)
            Receive(_connections[_ready[i]]);
    }

    private void Receive(LoadConnection connection)
    {
        var alive = connection.Flush() && connection.Receive();
        var now = _clock.Now;
        var start = 0;
        var closes = false;
        try
        {
            while (!closes && connection.TryTake(ref start, out var request, out var answer))
            {
                _inFlight--;
                closes = answer.ClosesConnection;
                End(new Exchange(request.Key, request.Intended, request.Sent, now, answer.Ending, answer.Status, answer.RetryAfter));
            }
        }
        catch (FormatException)
        {
            // Not this protocol: every request in flight on the connection failed, and it cannot be read on.
            alive = false;
        }

        if (alive && !closes)
            connection.Compact(start);
        else
            Drop(connection, now, Ending.ConnectionLost);
    }

    private void Drop(LoadConnection connection, long now, Ending ending)
    {
        while (connection.TryDropOldest(out var request))
        {
            _inFlight--;
            End(new Exchange(request.Key, request.Intended, request.Sent, now, ending));
        }

        connection.Close(now);
    }

    private void End(in Exchange exchange)
    {
        _meter.Ended(exchange);
        _phase.Workload.Observe(exchange);
    }

    private static long NextEvent(ArrivalSchedule schedule, long now, long end)
    {
        // Reconnecting, deadlines and the quarter-second report need no more precision than 5 ms.
        var next = now + 5_000_000;
        return now < end ? Math.Min(next, Math.Min(schedule.Next, end)) : next;
    }
}

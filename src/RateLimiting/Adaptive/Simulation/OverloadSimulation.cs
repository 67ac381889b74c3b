namespace Tenfold.RateLimiting.Adaptive.Simulation;

/// <summary>A queueing simulation in virtual time: Poisson arrivals, one queue, several workers, a deadline.</summary>
internal sealed class OverloadSimulation
{
    private readonly OverloadScenario _scenario;
    private readonly Random _random;
    private readonly AdaptiveCore _core;
    private readonly PriorityQueue<Request, (long At, long Order)> _finishing = new();
    private readonly Queue<Request> _queue = new();
    private readonly OverloadResult _result;
    private int _inFlight;
    private int _busy;
    private long _order;

    private OverloadSimulation(OverloadScenario scenario)
    {
        _scenario = scenario;
        _random = new Random(scenario.Seed);
        _core = new AdaptiveCore(scenario.Options, 0);
        var seconds = (int)Math.Ceiling(scenario.Seconds);
        _result = new OverloadResult(
            [.. Enumerable.Range(0, seconds).Select(second => scenario.Workers(second) / scenario.ServiceSeconds(second))],
            new long[seconds], new long[seconds], new int[seconds], new int[seconds],
            [.. scenario.TenantParts.Select(_ => new long[seconds])], [], new long[seconds], new long[seconds]);
    }

    /// <summary>Runs a scenario to its end.</summary>
    public static OverloadResult Run(OverloadScenario scenario) => new OverloadSimulation(scenario).Run();

    private OverloadResult Run()
    {
        var end = Ticks(_scenario.Seconds);
        var arrival = NextArrival(0);
        while (true)
        {
            var finishes = _finishing.TryPeek(out _, out var next) ? next.At : long.MaxValue;
            var now = Math.Min(arrival, finishes);
            if (now >= end)
                return _result;
            if (finishes <= arrival)
            {
                Finish(_finishing.Dequeue(), now);
            }
            else
            {
                Arrive(now);
                arrival = NextArrival(now);
            }

            var second = Second(now);
            _result.InFlight[second] = _inFlight;
            _result.Limit[second] = _scenario.Policy switch
            {
                OverloadPolicy.Fixed => _scenario.FixedLimit,
                OverloadPolicy.Adaptive => _core.Limit,
                _ => 0,
            };
        }
    }

    private void Arrive(long now)
    {
        var tenant = Pick(_scenario.TenantParts);
        var priority = (WorkPriority)Pick(_scenario.PriorityParts);
        _result.Offered[Second(now)]++;
        TenantShares.Tenant? account = null;
        var isIn = _scenario.Policy switch
        {
            OverloadPolicy.Fixed => _inFlight < _scenario.FixedLimit,
            OverloadPolicy.Adaptive => _core.TryEnter(now, $"tenant-{tenant}", priority, out account),
            _ => true,
        };
        if (!isIn)
        {
            _result.Shed[Second(now)]++;
            if (priority == WorkPriority.Critical)
                _result.CriticalShed[Second(now)]++;
            return;
        }

        _inFlight++;
        _queue.Enqueue(new Request(now, tenant, priority, account));
        Serve(now);
    }

    private void Serve(long now)
    {
        var seconds = (double)now / TimeSpan.TicksPerSecond;
        var workers = _scenario.Workers(seconds);
        while (_busy < workers && _queue.TryDequeue(out var request))
        {
            _busy++;
            var slowed = 1 + (_scenario.Contention * Math.Max(0, _inFlight - workers));
            var service = Scatter() * _scenario.ServiceSeconds(seconds) * slowed;
            _finishing.Enqueue(request, (now + Math.Max(1, Ticks(service)), _order++));
        }
    }

    private void Finish(Request request, long now)
    {
        _busy--;
        _inFlight--;
        var latency = now - request.At;
        var isGood = latency <= Ticks(_scenario.Deadline);
        if (request.Account is { } account)
            _core.Leave(now, account, latency, isGood ? WorkOutcome.Done : WorkOutcome.Overloaded);
        if (request.Priority == WorkPriority.Critical)
            _result.CriticalLatency.Add((Second(request.At), (double)latency / TimeSpan.TicksPerSecond));
        if (isGood)
        {
            _result.Good[Second(now)]++;
            _result.GoodByTenant[request.Tenant][Second(now)]++;
        }

        Serve(now);
    }

    private long NextArrival(long now)
    {
        var rate = _scenario.Offered((double)now / TimeSpan.TicksPerSecond);
        return now + Math.Max(1, Ticks(-Math.Log(1 - _random.NextDouble()) / rate));
    }

    // Of mean 1. Lognormal by Box and Muller.
    private double Scatter()
    {
        var exponential = -Math.Log(1 - _random.NextDouble());
        if (_scenario.LognormalSigma is not { } sigma)
            return exponential;
        var normal = Math.Sqrt(2 * exponential) * Math.Cos(2 * Math.PI * _random.NextDouble());
        return Math.Exp((sigma * normal) - (sigma * sigma / 2));
    }

    private int Pick(IReadOnlyList<double> parts)
    {
        var at = _random.NextDouble() * parts.Sum();
        for (var i = 0; i < parts.Count - 1; i++)
        {
            if ((at -= parts[i]) < 0)
                return i;
        }

        return parts.Count - 1;
    }

    private static int Second(long now) => (int)(now / TimeSpan.TicksPerSecond);

    private static long Ticks(double seconds) => (long)(seconds * TimeSpan.TicksPerSecond);

    private sealed record Request(long At, int Tenant, WorkPriority Priority, TenantShares.Tenant? Account);
}

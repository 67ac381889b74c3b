using System.Net;
using Tenfold.Lab.Load;
using Tenfold.Lab.Scenarios.RateLimiter;
using Tenfold.Planner.Scaling;

namespace Tenfold.Lab.Scenarios.PlannerValidation;

/// <summary>
/// Is the planner's scaling law worth believing? Real servers, each capped at a small part of a processor so that eight fit into this
/// machine, are saturated over HTTP. The law is fitted on one to four of them and must predict six and eight, which it has not seen.
/// </summary>
internal sealed class PlannerValidationScenario : Scenario
{
    private const double AllowedError = 0.10;
    private const int Rounds = 3;
    private const int Keys = 1000;

    /// <summary>Nodes that got less of their cap than this were held back by the machine: then it is the machine that was measured.</summary>
    private const double LeastUse = 0.85;

    /// <summary>Eight of these and the driver fill about half of two processors: beyond that the machine itself would be measured.</summary>
    private const double Quota = 0.08;

    private const string CapPromise = "The nodes were held back by their cap, not by the machine (at least 85 % of the cap used)";

    private static readonly int[] Fitted = [1, 2, 3, 4];
    private static readonly int[] HeldOut = [6, 8];

    public override string Name => "planner-validation";

    public override string Title => "The planner's scaling law against real nodes";

    public override string Description =>
        "Saturates 1 to 8 real servers, each capped by a CPU quota; fits the Universal Scalability Law on 1-4 and checks its prediction for 6 and 8.";

    public override TimeSpan TypicalDuration => TimeSpan.FromSeconds(90);

    protected override async Task<LabRecord> RunCoreAsync(
        LabOptions options, IProgress<LabProgress> progress, CancellationToken cancellationToken)
    {
        var run = new LabRun(Name, options, progress, 1 + Rounds * (Fitted.Length + HeldOut.Length));
        await using var nodes = new CappedNodes(run);
        await nodes.StartAsync(HeldOut.Max(), Quota, cancellationToken);
        var points = new List<ScalingPoint>();
        for (var round = 1; round <= Rounds; round++)
        {
            foreach (var size in Order(round))
                points.Add(new ScalingPoint(size, await MeasureAsync(run, nodes, size, round, cancellationToken)));
        }

        Judge(run, points);
        run.Note($"Each node is capped at {Quota * 100:0} % of one processor by: {nodes.Method}. Nodes share no state: callers spread keys over them.");
        run.Note("Nodes that share nothing should scale in a straight line (alpha and beta near 0). The run shows that they do and that the law says so; it says nothing of engines that are shared.");
        run.Note("Eight capped processes on one machine stand for eight small machines; a network between them and a balancer before them are not in it.");
        return run.Finish();
    }

    /// <summary>Up, then down: a machine that slowly warms up or fills would otherwise look like a scaling law.</summary>
    private static IEnumerable<int> Order(int round) => round % 2 == 1 ? [.. Fitted, .. HeldOut] : [.. HeldOut.Reverse(), .. Fitted.Reverse()];

    private static async Task<double> MeasureAsync(LabRun run, CappedNodes nodes, int size, int round, CancellationToken cancellationToken)
    {
        run.Announce($"{size} nodes, round {round}");
        var (start, used) = (run.Clock.Seconds, nodes.ProcessorTime(size));
        var phases = await Task.WhenAll(Enumerable.Range(0, size).Select(node =>
            OpenLoopDriver.RunAsync(run.Clock, Phase(run, nodes[node], $"{size} nodes, round {round}, node {node + 1}"), null, cancellationToken)));
        foreach (var phase in phases)
            run.Keep(phase);
        var use = (nodes.ProcessorTime(size) - used).TotalSeconds / (size * Quota * (run.Clock.Seconds - start));
        run.Ledger.Check(CapPromise, use >= LeastUse, $"{size} nodes, round {round}: {use * 100:0} % of the cap used");
        return phases.Sum(phase => phase.AchievedPerSecond);
    }

    /// <summary>The median: one disturbed round of three does not count.</summary>
    private static double Median(List<ScalingPoint> points, int size) =>
        points.Where(point => (int)point.N == size).Select(point => point.Throughput).Order().ElementAt(Rounds / 2);

    private static void Judge(LabRun run, List<ScalingPoint> points)
    {
        var law = UniversalScalabilityLaw.Fit([.. Fitted.Select(size => new ScalingPoint(size, Median(points, size)))]);
        run.Figure("usl-alpha", law.Alpha, "1");
        run.Figure("usl-beta", law.Beta, "1");
        run.Figure("usl-gamma", law.Gamma, "{decision}/s");
        foreach (var size in Fitted.Concat(HeldOut))
            run.Figure($"throughput-{size}-nodes", Median(points, size), "{decision}/s");
        foreach (var size in HeldOut)
        {
            var measured = Median(points, size);
            var error = Math.Abs(law.Predict(size) - measured) / measured;
            run.Figure($"held-out-error-{size}-nodes", error, "1");
            run.Ledger.Check(
                $"Fitted on 1-4 nodes, the law predicts the throughput of {size} within {AllowedError * 100:0} %",
                error <= AllowedError,
                $"predicted {FigureText.Number(law.Predict(size))}/s, measured {FigureText.Number(measured)}/s: {error * 100:0.0} % apart");
        }
    }

    private static LoadPhase Phase(LabRun run, IPEndPoint node, string name)
    {
        var shape = new BucketShape(1000, 1000);
        var random = run.Random();
        return new LoadPhase
        {
            Name = name,
            Target = node,
            Protocol = new HttpProtocol(node.ToString(), [.. Enumerable.Range(0, Keys).Select(key => $"/api/rate-limiter/acquire?key=v{key}&limit=1000/1s&burst=1000")]),
            Workload = new LimiterWorkload(run.Ledger, shape, () => random.Next(Keys)) { LossExpected = true },
            // Well over what the cap allows: connections that always have the next request waiting saturate the node.
            RatePerSecond = 5000,
            Duration = run.Scaled(2),
            Connections = 16,
            RequestDeadline = TimeSpan.FromMilliseconds(500),
        };
    }
}

using System.Diagnostics;
using System.Globalization;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// Stock redis-benchmark on our <c>CL.THROTTLE</c>, beside redis-server with a GCRA script that does the same work, in turn, in one run. Both
/// servers are processes of their own and share the machine with the client, so what a command costs in CPU is what tells.
/// </summary>
internal static class RespBench
{
    // Always admitted, on both sides: the path that writes.
    private static readonly string[] Terms = ["999999", "1000000", "60"];

    public static IEnumerable<Figure> Run(bool quick)
    {
        using var ours = BenchServer.Start("resp");
        using var redis = RespPeer.Start();
        var throttle = new Target(ours.Port, ours.ProcessId, ["CL.THROTTLE", "key:__rand_int__", .. Terms]);
        var script = new Target(redis.Port, redis.ProcessId, ["EVALSHA", redis.ScriptSha, "1", "key:__rand_int__", .. Terms, "1"]);
        var (rounds, single) = quick ? (3, 20_000) : (9, 40_000);

        // Long enough for the runtime to compile the hot path with what it learned of it.
        Drive(throttle, 16, 800_000);
        Drive(script, 16, 20_000);

        var (oursPipelined, peerPipelined) = InTurn(rounds, () => Drive(throttle, 16, 800_000), () => Drive(script, 16, 120_000));
        yield return Figure.HigherIsBetter("resp-throttle-pipeline-16", oursPipelined.PerSecond, peerPipelined.PerSecond, "{command}/s", 4);
        yield return Figure.LowerIsBetter(
            "resp-throttle-pipeline-16-server-cpu", oursPipelined.CpuMicroseconds, peerPipelined.CpuMicroseconds, "us/{command}", double.NaN);

        var (oursSingle, peerSingle) = InTurn(rounds, () => Drive(throttle, 1, single), () => Drive(script, 1, single));
        yield return Figure.HigherIsBetter("resp-throttle-pipeline-1", oursSingle.PerSecond, peerSingle.PerSecond, "{command}/s", double.NaN);
        yield return Figure.LowerIsBetter("resp-throttle-pipeline-1-p99", oursSingle.P99, peerSingle.P99, "ms", double.NaN);
    }

    private static (Measured Ours, Measured Peer) InTurn(int rounds, Func<Measured> ours, Func<Measured> peer)
    {
        var all = new List<(Measured Ours, Measured Peer)>();
        for (var round = 0; round < rounds; round++)
            all.Add((ours(), peer()));
        return (Median([.. all.Select(pair => pair.Ours)]), Median([.. all.Select(pair => pair.Peer)]));
    }

    private static Measured Median(Measured[] all) => new(
        Middle(all.Select(one => one.PerSecond)), Middle(all.Select(one => one.P99)), Middle(all.Select(one => one.CpuMicroseconds)));

    private static double Middle(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static Measured Drive(Target target, int pipeline, int requests)
    {
        var invariant = CultureInfo.InvariantCulture;
        string[] options =
        [
            "-p", target.Port.ToString(invariant), "-c", "50", "-P", pipeline.ToString(invariant), "-n", requests.ToString(invariant),
            "-r", "100000", "--csv",
        ];
        var before = CpuTime(target.ProcessId);
        var output = BenchServer.Output("redis-benchmark", [.. options, .. target.Command]);
        var cpu = CpuTime(target.ProcessId) - before;

        // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
        var line = output.Split('\n').Last(line => line.Contains("key:__rand_int__", StringComparison.Ordinal));
        var fields = line.Trim().Trim('"').Split("\",\"");
        return new Measured(double.Parse(fields[1], invariant), double.Parse(fields[6], invariant), cpu.TotalMicroseconds / requests);
    }

    internal static TimeSpan CpuTime(int processId)
    {
        using var process = Process.GetProcessById(processId);
        return process.TotalProcessorTime;
    }

    private sealed record Target(int Port, int ProcessId, string[] Command);

    private sealed record Measured(double PerSecond, double P99, double CpuMicroseconds);
}

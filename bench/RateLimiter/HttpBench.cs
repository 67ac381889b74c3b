using System.Globalization;
using System.Text.RegularExpressions;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// Requests a second through wrk (2 threads, 32 connections, 100,000 users in turn) against a server process on the same cores: our middleware
/// beside ASP.NET Core's own and beside none, in interleaved rounds; and our decisions over the HTTP API. What a core does is reckoned from
/// the server's processor time, in which wrk and neighbours have no part.
/// </summary>
internal static partial class HttpBench
{
    private static readonly string[] Kinds = ["http-none", "http-aspnet", "http-tenfold", "http-acquire"];

    public static IEnumerable<Figure> Run(bool quick)
    {
        var script = Path.Combine(Path.GetTempPath(), $"tenfold-wrk-{Environment.ProcessId}.lua");
        File.WriteAllText(script, """
            local n = 0
            request = function()
              n = n + 1
              wrk.headers["X-User"] = "user-" .. (n * 7919 % 100000)
              return wrk.format("GET")
            end
            """);
        BenchServer[] servers = [.. Kinds.Select(BenchServer.Start)];
        try
        {
            var rounds = quick ? 2 : 7;
            var seconds = quick ? 1 : 3;
            var measured = Kinds.Select(_ => new List<double>()).ToArray();
            var aCore = Kinds.Select(_ => new List<double>()).ToArray();
            Parallel.For(0, Kinds.Length, kind => Load(script, servers[kind], kind, quick ? 1 : 4)); // compiled code, and every user seen
            for (var round = 0; round < rounds; round++)
            {
                foreach (var kind in Enumerable.Range(0, Kinds.Length))
                {
                    var before = RespBench.CpuTime(servers[kind].ProcessId);
                    var perSecond = Load(script, servers[kind], kind, seconds);
                    measured[kind].Add(perSecond);
                    aCore[kind].Add(perSecond * seconds / (RespBench.CpuTime(servers[kind].ProcessId) - before).TotalSeconds);
                }
            }

            var (none, aspNet, tenfold, acquire) = (Median(measured[0]), Median(measured[1]), Median(measured[2]), Median(measured[3]));
            yield return Figure.HigherIsBetter("http-middleware-beside-aspnet", tenfold, aspNet, "{request}/s", 1);
            yield return Figure.HigherIsBetter("http-middleware-beside-none", tenfold, none, "{request}/s", 0.9);
            yield return Figure.HigherIsBetter("http-middleware-a-core", Median(aCore[2]), Median(aCore[1]), "{request}/s a core", 1);
            yield return Figure.HigherIsBetter("http-middleware-a-core-beside-none", Median(aCore[2]), Median(aCore[0]), "{request}/s a core", double.NaN);
            yield return Figure.HigherIsBetter("http-acquire-a-core", Median(aCore[3]), Median(aCore[0]), "{decision}/s a core", double.NaN);
            yield return Figure.HigherIsBetter("http-acquire-beside-an-empty-endpoint", acquire, none, "{decision}/s", double.NaN);
        }
        finally
        {
            foreach (var server in servers)
                server.Dispose();
            File.Delete(script);
        }
    }

    private static double Load(string script, BenchServer server, int kind, int seconds)
    {
        var path = Kinds[kind] == "http-acquire" ? "/api/rate-limiter/acquire?user=alice" : "/hello";
        var output = BenchServer.Output("wrk", "-t2", "-c32", $"-d{seconds}s", "-s", script, $"http://127.0.0.1:{server.Port}{path}");
        return double.Parse(PerSecond().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    [GeneratedRegex(@"Requests/sec:\s+([0-9.]+)")]
    private static partial Regex PerSecond();
}

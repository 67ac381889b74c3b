using System.Diagnostics;
using BenchmarkDotNet.Running;

namespace Tenfold.Bench;

/// <summary>Runs a system's comparisons and prints their figures as they come.</summary>
internal static class BenchCommand
{
    /// <summary>The comparisons of each system, cheapest first. The flag asks for the quick form.</summary>
    private static readonly Dictionary<string, (string Name, Func<bool, IEnumerable<Figure>> Run)[]> Suites = new(StringComparer.Ordinal)
    {
        ["core"] =
        [
            ("placement", Core.PlacementBench.Run),
        ],
        ["rate-limiter"] =
        [
            ("local", RateLimiter.LocalBench.Run),
            ("resp", RateLimiter.RespBench.Run),
            ("hierarchy", RateLimiter.HierarchyBench.Run),
            ("redis", RateLimiter.RedisBench.Run),
            ("grpc", RateLimiter.GrpcBench.Run),
            ("http", RateLimiter.HttpBench.Run),
        ],
    };

    public static int Run(string[] args)
    {
        if (args is ["serve", var kind])
            return RateLimiter.BenchServices.Serve(kind);
        if (args is ["micro", .. var rest])
        {
            BenchmarkSwitcher.FromAssembly(typeof(BenchCommand).Assembly).Run(rest);
            return 0;
        }

        if (args.Length == 0 || !Suites.TryGetValue(args[0], out var suites))
        {
            Console.Error.WriteLine($"usage: bench/run <{string.Join('|', Suites.Keys)}> [--quick] [--only SUITE] [--save]\n       bench/run micro [--filter '*Hash*']   parts of a hot path, by BenchmarkDotNet");
            return 2;
        }

        var quick = args.Contains("--quick");
        var onlyAt = Array.IndexOf(args, "--only");
        var only = onlyAt >= 0 && onlyAt + 1 < args.Length ? args[onlyAt + 1] : null;
        if (only is not null)
            suites = [.. suites.Where(suite => suite.Name == only)];
        if (suites.Length == 0)
        {
            Console.Error.WriteLine($"bench: no suite '{only}' of {args[0]}: one of {string.Join(", ", Suites[args[0]].Select(suite => suite.Name))}");
            return 2;
        }

        var figures = new List<Figure>();
        foreach (var suite in suites)
        {
            Console.Error.WriteLine($"bench: {suite.Name} ...");
            var started = Stopwatch.GetTimestamp();
            foreach (var figure in suite.Run(quick))
            {
                Console.WriteLine(figure);
                figures.Add(figure);
            }

            Console.Error.WriteLine($"bench: {suite.Name} took {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s");
        }

        if (only is null && (!quick || args.Contains("--save")))
            BenchResults.Save(args[0], string.Join(' ', args), figures);
        return 0;
    }
}

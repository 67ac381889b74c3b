using System.Diagnostics;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Entry = Envoy.Extensions.Common.Ratelimit.V3.RateLimitDescriptor.Types.Entry;
using Rls = Envoy.Service.Ratelimit.V3;

namespace Tenfold.Bench.RateLimiter;

/// <summary>
/// ShouldRateLimit calls against a server process, by .NET's own gRPC client on the same cores: as many as it takes (closed loop), and the
/// latency at 10,000 a second (open loop: a late answer delays no later question, and its lateness counts).
/// </summary>
internal static partial class GrpcBench
{
    private const int Channels = 4;
    private const int CallsUnderWay = 128;
    private const int OpenLoopPerSecond = 10_000;
    private const double AimPerSecond = 25_000;
    private const double AimP99Milliseconds = 3;

    // Serialised beforehand and answered unread but for the code: the client's work is not what is measured.
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(value => value, value => value);

    private static readonly Method<byte[], byte[]> ShouldRateLimit = new(
        MethodType.Unary, "envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit", Bytes, Bytes);

    private static readonly byte[][] Calls = [.. Enumerable.Range(0, 10_000).Select(Call)];

    public static IEnumerable<Figure> Run(bool quick)
    {
        using var server = BenchServer.Start("grpc");
        GrpcChannel[] channels = [.. Enumerable.Range(0, Channels).Select(_ => GrpcChannel.ForAddress($"http://127.0.0.1:{server.Port}"))];
        CallInvoker[] invokers = [.. channels.Select(channel => channel.CreateCallInvoker())];

        WarmUp(invokers);

        var before = RespBench.CpuTime(server.ProcessId);
        long calls = 0;
        var perSecond = Median(quick ? 3 : 9, () =>
        {
            var (done, seconds) = ClosedLoop(invokers, TimeSpan.FromSeconds(quick ? 0.5 : 1));
            calls += done;
            return done / seconds;
        });
        var aCore = calls / (RespBench.CpuTime(server.ProcessId) - before).TotalSeconds;
        yield return new Figure("grpc-should-rate-limit", perSecond, AimPerSecond, "{call}/s", perSecond / AimPerSecond, 1);
        yield return new Figure("grpc-should-rate-limit-a-core", aCore, double.NaN, "{call}/s a core", double.NaN, double.NaN);

        var p99 = Median(quick ? 5 : 9, () => OpenLoop(invokers, TimeSpan.FromSeconds(quick ? 0.7 : 1.5)));
        yield return new Figure("grpc-should-rate-limit-p99-at-10000-per-second", p99, AimP99Milliseconds, "ms", AimP99Milliseconds / p99, 1);
        foreach (var channel in channels)
            channel.Dispose();
    }

    // Until both runtimes have compiled the hot path with what they learned of it: about 120,000 calls, or as many as fit 8 seconds.
    private static void WarmUp(CallInvoker[] invokers)
    {
        long calls = 0;
        for (var second = 0; second < 8 && calls < 120_000; second++)
            calls += ClosedLoop(invokers, TimeSpan.FromSeconds(1)).Done;
    }

    private static (long Done, double Seconds) ClosedLoop(CallInvoker[] invokers, TimeSpan duration)
    {
        var started = Stopwatch.GetTimestamp();
        long done = 0;
        var loops = Enumerable.Range(0, CallsUnderWay).Select(loop => Task.Run(async () =>
        {
            for (var i = loop; Stopwatch.GetElapsedTime(started) < duration; i += CallsUnderWay)
            {
                await CallAsync(invokers[loop % Channels], i);
                Interlocked.Increment(ref done);
            }
        }));
        Task.WhenAll(loops).GetAwaiter().GetResult();
        return (done, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    // The 99th percentile in milliseconds, from the moment each call was due.
    private static double OpenLoop(CallInvoker[] invokers, TimeSpan duration)
    {
        var calls = (int)(duration.TotalSeconds * OpenLoopPerSecond);
        var latencies = new double[calls];
        var under = new Task[calls];
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++)
        {
            var due = started + (long)(i / (double)OpenLoopPerSecond * Stopwatch.Frequency);
            while (Stopwatch.GetTimestamp() < due)
                _ = Sleep(50);
            under[i] = TimeAsync(invokers[i % Channels], i, due, latencies);
        }

        Task.WhenAll(under).GetAwaiter().GetResult();
        Array.Sort(latencies);
        return latencies[(int)(calls * 0.99)];
    }

    private static async Task TimeAsync(CallInvoker invoker, int call, long due, double[] latencies)
    {
        await CallAsync(invoker, call);
        latencies[call] = Stopwatch.GetElapsedTime(due).TotalMilliseconds;
    }

    private static async Task CallAsync(CallInvoker invoker, int call)
    {
        using var under = invoker.AsyncUnaryCall(ShouldRateLimit, null, default, Calls[call % Calls.Length]);
        var answer = await under.ResponseAsync;

        // overall_code is the first field: a tag and its value.
        if (answer is not [8, 1 or 2, ..])
            throw new InvalidOperationException("The server answered without a code.");
    }

    // Thread.Sleep(1) would send ten calls late and at once, and count its own lateness as the server's.
    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    private static double Median(int rounds, Func<double> measure)
    {
        double[] all = [.. Enumerable.Range(0, rounds).Select(_ => measure()).Order()];
        return all[rounds / 2];
    }

    private static byte[] Call(int user)
    {
        var call = new Rls.RateLimitRequest { Domain = "edge" };
        call.Descriptors.Add(new Envoy.Extensions.Common.Ratelimit.V3.RateLimitDescriptor
        {
            Entries = { new Entry { Key = "user", Value = $"user-{user}" }, new Entry { Key = "path", Value = "/api/things" } },
        });
        return call.ToByteArray();
    }
}

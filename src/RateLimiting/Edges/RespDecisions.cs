using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// The commands that decide by the configured rules: <c>TENFOLD.ACQUIRE</c>, <c>TENFOLD.RESERVE</c> and <c>TENFOLD.SETTLE</c>.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class RespDecisions(IRateLimiter limiter)
{
    private const string AcquireUsage = "TENFOLD.ACQUIRE attribute value [attribute value ...] [COST units]";
    private const string ReserveUsage = "TENFOLD.RESERVE id expires_seconds attribute value [attribute value ...] [COST units]";
    private const string SettleUsage = "TENFOLD.SETTLE id cost";

    /// <summary>Starts <c>TENFOLD.ACQUIRE</c>; null when an error was written.</summary>
    public RespPendingReply? Acquire(ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments, RespWriter output)
    {
        var request = Request(input, arguments[1..], AcquireUsage, output);
        return request is null ? null : Start(() => limiter.AcquireAsync(request), WriteDecision);
    }

    /// <summary>Starts <c>TENFOLD.RESERVE</c>; null when an error was written.</summary>
    public RespPendingReply? Reserve(ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments, RespWriter output)
    {
        if (arguments.Length < 5)
            return Fail(output, "wrong number of arguments: " + ReserveUsage);
        if (!RespParser.TryParseInteger(arguments[2].In(input), out var seconds) || seconds is < 1 or > 86_400)
            return Fail(output, "expires_seconds must be a whole number, 1-86400");
        var id = RespThrottle.Text(arguments[1].In(input));
        var request = Request(input, arguments[3..], ReserveUsage, output);
        return request is null ? null : Start(() => limiter.ReserveAsync(id, request, TimeSpan.FromSeconds(seconds)), WriteDecision);
    }

    /// <summary>Starts <c>TENFOLD.SETTLE</c>; null when an error was written.</summary>
    public RespPendingReply? Settle(ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments, RespWriter output)
    {
        if (arguments.Length != 3)
            return Fail(output, "wrong number of arguments: " + SettleUsage);
        if (!RespParser.TryParseInteger(arguments[2].In(input), out var cost) || cost < 0)
            return Fail(output, "cost must be a whole number of at least 0");
        var id = RespThrottle.Text(arguments[1].In(input));
        return Start(() => limiter.SettleAsync(id, cost), static (writer, outcome) => writer.Bulk(outcome.ToString()));
    }

    private static RateLimitRequest? Request(
        ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> pairs, string usage, RespWriter output)
    {
        long cost = 1;
        if (pairs.Length >= 2 && Ascii.EqualsIgnoreCase(pairs[^2].In(input), "COST"u8))
        {
            if (!RespParser.TryParseInteger(pairs[^1].In(input), out cost) || cost < 0)
            {
                Fail(output, "COST must be a whole number of at least 0");
                return null;
            }

            pairs = pairs[..^2];
        }

        if (pairs.IsEmpty || pairs.Length % 2 != 0)
        {
            Fail(output, "wrong number of arguments: " + usage);
            return null;
        }

        var attributes = new Dictionary<string, string>(pairs.Length / 2, StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < pairs.Length; i += 2)
        {
            if (!Utf8.IsValid(pairs[i].In(input)) || !Utf8.IsValid(pairs[i + 1].In(input)))
            {
                Fail(output, "attributes must be UTF-8");
                return null;
            }

            attributes[Encoding.UTF8.GetString(pairs[i].In(input))] = Encoding.UTF8.GetString(pairs[i + 1].In(input));
        }

        return new RateLimitRequest(attributes, cost);
    }

    private static RespPendingReply? Fail(RespWriter output, string fault)
    {
        output.Error("ERR " + fault);
        return null;
    }

    private static PendingDecision<T> Start<T>(Func<ValueTask<T>> decide, Action<RespWriter, T> write) => new(decide, write);

    // limited 0/1, seconds to wait (-1: none, or waiting never helps), the decision's id, then for each limit:
    // rule, limited 0/1, units left, seconds to wait, seconds until unused, dry run 0/1.
    private static void WriteDecision(RespWriter output, RateLimitDecision decision)
    {
        output.Array(3 + decision.Limits.Count);
        output.Integer(decision.Admitted ? 0 : 1);
        output.Integer(RetrySeconds(decision.Admitted, decision.RetryAfter));
        output.Bulk(decision.Id);
        foreach (var result in decision.Limits)
        {
            output.Array(6);
            output.Bulk(result.Rule);
            output.Integer(result.Outcome.HasRoom ? 0 : 1);
            output.Integer(result.Outcome.Remaining);
            output.Integer(RetrySeconds(result.Outcome.HasRoom, result.Outcome.RetryAfter));
            output.Integer((long)Math.Ceiling(result.Outcome.ResetAfter.TotalSeconds));
            output.Integer(result.DryRun ? 1 : 0);
        }
    }

    private static long RetrySeconds(bool admitted, TimeSpan retryAfter) =>
        admitted || retryAfter == Timeout.InfiniteTimeSpan ? -1 : Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds));

    private sealed class PendingDecision<T>(Func<ValueTask<T>> decide, Action<RespWriter, T> write) : RespPendingReply
    {
        // Started at once, so that a pipeline's decisions are under way together.
        private readonly Task<T> _decision = Run(decide);

        public override async ValueTask WriteAsync(RespWriter output)
        {
            T result;
            try
            {
                result = await _decision;
            }
            catch (ArgumentException fault)
            {
                output.Error(string.Create(CultureInfo.InvariantCulture, $"ERR {fault.Message}"));
                return;
            }
            catch (TenfoldException fault)
            {
                output.Unavailable(fault.Message);
                return;
            }

            write(output, result);
        }

        // A request out of bounds throws before anything is awaited: keep that too for the reply.
        private static async Task<T> Run(Func<ValueTask<T>> decide) => await decide();
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// <c>CL.THROTTLE key max_burst count period [quantity]</c>: the command, its reply and its rounding as redis-cell documents them.
/// </summary>
/// <remarks>Thread-safe. On an engine that decides in this process it allocates nothing.</remarks>
internal sealed class RespThrottle(ILimitStore store)
{
    private readonly RespLimitCache _limits = new();

    // Decides at once and from the bytes as they came; other engines take their time.
    private readonly EmbeddedLimitStore? _embedded = store as EmbeddedLimitStore;

    private static ReadOnlySpan<byte> HexMark => "\0x"u8;

    /// <summary>
    /// Decides one command. Null when the reply (or an error) is written; otherwise what to await, in order, for its reply.
    /// </summary>
    /// <param name="input">The bytes in which the arguments lie.</param>
    /// <param name="arguments">The command's name and its arguments.</param>
    /// <param name="output">Where the reply goes.</param>
    /// <param name="queue">Earlier commands are not yet answered: write nothing, answer later.</param>
    public RespPendingReply? Execute(
        ReadOnlySpan<byte> input, ReadOnlySpan<RespArgument> arguments, RespWriter output, bool queue)
    {
        if (Read(input, arguments, out var limit, out var quantity, out var fault))
            return Start(arguments[1].In(input), limit, quantity, output, queue);
        if (queue)
            return new RespPendingError(fault);
        output.Error(fault);
        return null;
    }

    /// <summary>Writes the five integers.</summary>
    internal static void Write(RespWriter output, Limit limit, long quantity, bool admitted, in LimitOutcome outcome)
    {
        // Quantity 0 looks without asking for anything, and is never limited.
        var limited = !admitted && quantity > 0;
        var retryAfter = !limited || outcome.RetryAfter == Timeout.InfiniteTimeSpan ? -1 : Math.Max(1, WholeSeconds(outcome.RetryAfter));
        output.Throttle(limited, limit.Burst, outcome.Remaining, retryAfter, WholeSeconds(outcome.ResetAfter));
    }

    /// <summary>A key's text. What is not UTF-8 (or looks like this spelling) is spelled in hexadecimal, so that two keys stay two.</summary>
    internal static string Text(ReadOnlySpan<byte> key) =>
        Utf8.IsValid(key) && !key.StartsWith(HexMark) ? Encoding.UTF8.GetString(key) : "\0x" + Convert.ToHexString(key);

    private bool Read(
        ReadOnlySpan<byte> input,
        ReadOnlySpan<RespArgument> arguments,
        [NotNullWhen(true)] out Limit? limit,
        out long quantity,
        [NotNullWhen(false)] out string? fault)
    {
        limit = null;
        quantity = 1;
        fault = null;
        if (arguments.Length is not (5 or 6))
        {
            fault = "ERR wrong number of arguments for 'cl.throttle': CL.THROTTLE key max_burst count period [quantity]";
        }
        else if (!RespParser.TryParseInteger(arguments[2].In(input), out var maxBurst)
            || !RespParser.TryParseInteger(arguments[3].In(input), out var count)
            || !RespParser.TryParseInteger(arguments[4].In(input), out var period)
            || (arguments.Length == 6 && !RespParser.TryParseInteger(arguments[5].In(input), out quantity)))
        {
            fault = "ERR max_burst, count, period and quantity must be whole numbers of 64 bits";
        }
        else if (quantity < 0)
        {
            fault = string.Create(CultureInfo.InvariantCulture, $"ERR quantity = {quantity}: must be at least 0");
        }
        else
        {
            limit = _limits.Find(maxBurst, count, period, out fault);
        }

        return limit is not null;
    }

    private PendingThrottle? Start(ReadOnlySpan<byte> key, Limit limit, long quantity, RespWriter output, bool queue)
    {
        if (_embedded is not null && !queue)
        {
            var admitted = _embedded.TryAcquire(key, limit, quantity, out var outcome);
            Write(output, limit, quantity, admitted, outcome);
            return null;
        }

        var pending = new PendingThrottle(limit, Text(key), quantity);
        pending.Start(store);
        if (queue || !pending.IsDecided)
            return pending;
        pending.Write(output);
        return null;
    }

    // redis-cell drops what is under a millisecond, then rounds up to the second.
    private static long WholeSeconds(TimeSpan time)
    {
        var milliseconds = time.Ticks / TimeSpan.TicksPerMillisecond;
        return (milliseconds + 999) / 1000;
    }

    private sealed class PendingThrottle : RespPendingReply
    {
        private readonly LimitCheck[] _check;
        private readonly LimitOutcome[] _outcome = new LimitOutcome[1];
        private ValueTask<StoreVerdict> _verdict;

        public PendingThrottle(Limit limit, string key, long quantity) => _check = [new LimitCheck(limit, key, quantity)];

        public bool IsDecided => _verdict.IsCompletedSuccessfully;

        public void Start(ILimitStore store) => Accept(store.AcquireAsync(_check, _outcome));

        public void Write(RespWriter output) => Write(output, _verdict.Result);

        public override async ValueTask WriteAsync(RespWriter output) => Write(output, await _verdict);

        private void Accept(ValueTask<StoreVerdict> verdict) => _verdict = verdict;

        private void Write(RespWriter output, StoreVerdict verdict)
        {
            if (verdict == StoreVerdict.Unavailable)
                output.Unavailable("the limiter's engine cannot be reached; try again");
            else
                RespThrottle.Write(output, _check[0].Limit, _check[0].Cost, verdict == StoreVerdict.Admitted, _outcome[0]);
        }
    }
}

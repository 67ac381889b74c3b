using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// The connection to Redis, behind a breaker: a call is answered, or fails within the call timeout, or, once calls have failed, is not made.
/// </summary>
/// <remarks>
/// Thread-safe. While the breaker is open one probe at a time runs in the background: it charges a limit of its own, so that a server
/// that answers but cannot write (out of memory, a replica) stays unavailable. A call that timed out may still have counted.
/// </remarks>
internal sealed class RedisLink : IAsyncDisposable
{
    private readonly RedisStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly RedisBreaker _breaker;
    private readonly SeededRandom _jitter;
    private readonly Func<RedisLink, Task<bool>> _probe;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _connecting;
    private ConnectionMultiplexer? _connection;
    private volatile IDatabase? _database;
    private volatile string? _lastFault;
    private volatile string? _lostBecause;
    private Task _probing = Task.CompletedTask;
    private long _brokenReported;

    /// <param name="options">Address and times.</param>
    /// <param name="time">Timeouts and probes run by it.</param>
    /// <param name="log">Where openings and closings of the breaker go.</param>
    /// <param name="seed">Seeds the probes' jitter.</param>
    /// <param name="probe">Asks the server to do real work; true when it did.</param>
    /// <exception cref="FormatException">The address cannot be read.</exception>
    public RedisLink(RedisStoreOptions options, TimeProvider time, ILogger log, ulong seed, Func<RedisLink, Task<bool>> probe)
    {
        _options = options;
        _time = time;
        _log = log;
        _breaker = new RedisBreaker(options.FailuresToOpen);
        _jitter = new SeededRandom(seed);
        _probe = probe;
        Name = EngineAddress.Parse(options.Address).ToString();
        var configuration = RedisAddress.Parse(options.Address);
        configuration.AbortOnConnectFail = false;
        configuration.ConnectTimeout = (int)options.ConnectTimeout.TotalMilliseconds;
        configuration.AsyncTimeout = (int)Math.Max(1000, 2 * options.CallTimeout.TotalMilliseconds);
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        configuration.ReconnectRetryPolicy = new LinearRetry(100);
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(500);
        configuration.ConfigurationChannel = "";
        configuration.TieBreaker = "";
        configuration.ClientName = "tenfold-rate-limiter";
        _connecting = ConnectAsync(configuration);
    }

    /// <summary>The server's address, without its password.</summary>
    public string Name { get; }

    public RedisStatistics Statistics { get; } = new();

    /// <summary>Whether a call would be made now.</summary>
    public bool IsAvailable => !_breaker.IsOpen;

    /// <summary>Why the last call failed, or null.</summary>
    public string? LastFault => _lastFault;

    /// <summary>Runs a script. Null: unavailable.</summary>
    public ValueTask<RedisResult?> RunAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        if (_breaker.IsOpen)
            return default;
        Interlocked.Increment(ref Statistics.Calls);
        return CallAsync(script, keys, arguments);
    }

    /// <summary>Runs a script although the breaker is open.</summary>
    public ValueTask<RedisResult?> ProbeAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        Interlocked.Increment(ref Statistics.Probes);
        return CallAsync(script, keys, arguments);
    }

    /// <summary>One of these keys holds no state: said once in ten seconds, since every request of the key meets it.</summary>
    public void ReportBroken(ReadOnlySpan<LimitCheck> checks, RedisShapes shapes)
    {
        var now = _time.GetTimestamp();
        var last = Interlocked.Read(ref _brokenReported);
        if ((last != 0 && _time.GetElapsedTime(last, now) < TimeSpan.FromSeconds(10)) || Interlocked.CompareExchange(ref _brokenReported, now, last) != last)
            return;
        foreach (ref readonly var check in checks)
            RedisStoreLog.BrokenKey(_log, RedisShapes.StateKey(shapes.Of(check.Limit), check.Key).ToString());
    }

    private async ValueTask<RedisResult?> CallAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        try
        {
            if (_database is not { } database)
            {
                await _connecting.WaitAsync(_options.ConnectTimeout, _time, _ended.Token);
                database = _database ?? throw new IOException("not connected");
            }

            var loss = _options.Losses?.Invoke() ?? RedisCallLoss.None;
            if (loss == RedisCallLoss.Request)
                throw new IOException("the call was lost");
            var answer = await RunAsync(database, script, keys, arguments);
            if (loss == RedisCallLoss.Answer)
                throw new IOException("the answer was lost");
            _breaker.Succeeded();
            return answer;
        }
        catch (Exception fault) when (IsFailure(fault))
        {
            Fail(fault);
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _connecting;
        await _probing;
        if (_connection is not null)
            await _connection.DisposeAsync();
        _ended.Dispose();
    }

    private static bool IsFailure(Exception fault) =>
        fault is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException or SocketException or IOException;

    private async Task ConnectAsync(ConfigurationOptions configuration)
    {
        try
        {
            var connection = await ConnectionMultiplexer.ConnectAsync(configuration);
            connection.ConnectionFailed += (_, failure) =>
            {
                _lostBecause = failure.Exception?.Message ?? failure.FailureType.ToString();
                Open(_lostBecause);
            };

            // What the server says to a client that may not come in; the failed connection itself is told only once.
            connection.ErrorMessage += (_, refused) =>
            {
                if (!connection.IsConnected)
                    _lastFault = _lostBecause = refused.Message;
            };
            connection.ConnectionRestored += (_, _) => _lostBecause = null;
            _connection = connection;
            _database = connection.GetDatabase();
            if (!connection.IsConnected)
                Open(await AskWhyAsync(_database));
        }
        catch (Exception fault) when (IsFailure(fault))
        {
            Open(fault.Message);
        }
    }

    private async Task<RedisResult> RunAsync(IDatabase database, RedisScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        try
        {
            return await WithinTimeoutAsync(database.ScriptEvaluateAsync(script.Hash, keys, arguments, CommandFlags.DemandMaster));
        }
        catch (RedisServerException fault) when (fault.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            // A restart or SCRIPT FLUSH forgot it: nothing has run, so it is safe to send the text, which the server keeps again.
            return await WithinTimeoutAsync(
                database.ScriptEvaluateAsync(script.Source, keys, arguments, CommandFlags.DemandMaster | CommandFlags.NoScriptCache));
        }
    }

    private async Task<RedisResult> WithinTimeoutAsync(Task<RedisResult> call)
    {
        if (!call.IsCompleted)
        {
            // Nobody looks at the call again once it has timed out: its fault must not surface as unobserved.
            _ = call.ContinueWith(
                static late => _ = late.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        return await call.WaitAsync(_options.CallTimeout, _time);
    }

    private void Fail(Exception fault)
    {
        Interlocked.Increment(ref Statistics.FailedCalls);
        _lastFault = Cause(fault);
        if (fault is RedisServerException && !_breaker.IsOpen)
            RedisStoreLog.Refused(_log, Name, fault.Message);
        if (_breaker.Failed())
            Opened(_lastFault);
    }

    // A call without a connection only knows that there is none; why there is none was told when it was lost, or lies inside.
    private string Cause(Exception fault) => fault switch
    {
        TimeoutException => $"no answer within {_options.CallTimeout.TotalMilliseconds} ms",
        RedisConnectionException => _lostBecause ?? fault.GetBaseException().Message,
        _ => fault.Message,
    };

    // The client tells of a failed first connection to nobody: a call that it refuses says why.
    private async Task<string> AskWhyAsync(IDatabase database)
    {
        try
        {
            await database.PingAsync();
            return "the connection came late";
        }
        catch (Exception fault) when (IsFailure(fault))
        {
            return Cause(fault);
        }
    }

    private void Open(string reason)
    {
        _lastFault = reason;
        if (_breaker.Open())
            Opened(reason);
    }

    private void Opened(string reason)
    {
        RedisStoreLog.Unavailable(_log, Name, reason);
        if (!_ended.IsCancellationRequested)
            _probing = ProbeUntilAnsweredAsync();
    }

    private async Task ProbeUntilAnsweredAsync()
    {
        var pause = _options.ProbeInterval;
        try
        {
            while (true)
            {
                await Task.Delay(pause * (0.5 + (0.5 * _jitter.NextDouble())), _time, _ended.Token);
                if (_connection is { IsConnected: true } && await _probe(this))
                    break;
                if (pause < 16 * _options.ProbeInterval)
                    pause *= 2;
            }

            _breaker.Close();
            RedisStoreLog.Available(_log, Name);
        }
        catch (OperationCanceledException)
        {
            // The store ends.
        }
    }
}

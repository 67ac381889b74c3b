using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Tenfold.Lab.Tests.Scenarios;

/// <summary>
/// A token bucket server written the plain way, over both of the limiter's faces, which can be broken on purpose: the lab must find
/// out from outside.
/// </summary>
internal sealed partial class FakeLimiter : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private readonly ScriptedServer _http;
    private readonly ScriptedServer _resp;
    private int _answers;

    public FakeLimiter()
    {
        _http = new ScriptedServer(AnswerHttp);
        _resp = new ScriptedServer(AnswerResp);
    }

    /// <summary>Gives this many times the rate that was asked for.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>Leaves out Retry-After.</summary>
    public bool ForgetsRetryAfter { get; init; }

    /// <summary>Answers every n-th request with 500; 0 for never.</summary>
    public int FailsEvery { get; init; }

    /// <summary>Admits only this part of what it could: wastes the limit.</summary>
    public double Generosity { get; init; } = 1;

    public IPEndPoint Http => _http.Address;

    public IPEndPoint Resp => _resp.Address;

    public void Pause() => _http.Stall();

    public void Resume() => _http.Resume();

    public async ValueTask DisposeAsync()
    {
        await _http.DisposeAsync();
        await _resp.DisposeAsync();
    }

    private byte[] AnswerHttp(ReadOnlyMemory<byte> chunk)
    {
        if (FailsEvery > 0 && Interlocked.Increment(ref _answers) % FailsEvery == 0)
            return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
        var asked = Request().Match(Encoding.ASCII.GetString(chunk.Span));
        if (!asked.Success)
            return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
        var rate = double.Parse(asked.Groups["rate"].Value, CultureInfo.InvariantCulture);
        var burst = double.Parse(asked.Groups["burst"].Value, CultureInfo.InvariantCulture);
        if (Take(asked.Groups["key"].Value, rate, burst))
            return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray();
        return Encoding.ASCII.GetBytes($"HTTP/1.1 429 Too Many Requests\r\n{(ForgetsRetryAfter ? "" : "Retry-After: 1\r\n")}Content-Length: 2\r\n\r\n{{}}");
    }

    private byte[] AnswerResp(ReadOnlyMemory<byte> chunk)
    {
        var answers = new StringBuilder();
        foreach (var request in Encoding.ASCII.GetString(chunk.Span).Split("*5\r\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var words = request.Split("\r\n");
            var (burst, count, period) = (long.Parse(words[5]) + 1, double.Parse(words[7]), double.Parse(words[9]));
            answers.Append(Take(words[3], count / period, burst) ? "*5\r\n:0\r\n:10\r\n:1\r\n:-1\r\n:1\r\n" : "*5\r\n:1\r\n:10\r\n:0\r\n:1\r\n:1\r\n");
        }

        return Encoding.ASCII.GetBytes(answers.ToString());
    }

    private bool Take(string key, double rate, double burst) =>
        _buckets.GetOrAdd(key, _ => new Bucket(rate * RateFactor, burst)).TryTake(TimeProvider.System.GetTimestamp() * 1.0 / TimeProvider.System.TimestampFrequency, Generosity);

    [GeneratedRegex(@"key=(?<key>[^&]+)&limit=(?<rate>\d+)/1s&burst=(?<burst>\d+)", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Request();

    private sealed class Bucket(double rate, double burst)
    {
        private readonly Lock _gate = new();
        private double _spent;
        private double _last;
        private double _withheld;

        public bool TryTake(double now, double generosity)
        {
            lock (_gate)
            {
                _spent = Math.Max(0, _spent - rate * Math.Max(0, now - _last));
                _last = Math.Max(_last, now);
                _withheld += 1 - generosity;
                if (_spent + 1 > burst)
                    return false;
                _spent++;
                if (_withheld < 1)
                    return true;
                _withheld--;
                return false;
            }
        }
    }
}

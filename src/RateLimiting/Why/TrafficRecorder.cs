using System.Globalization;

namespace Tenfold.RateLimiting.Why;

/// <summary>One request of recorded traffic.</summary>
/// <param name="At">When it came, since the recording began.</param>
/// <param name="Attributes">Its attributes.</param>
/// <param name="Cost">Its cost.</param>
internal sealed record RecordedRequest(TimeSpan At, IReadOnlyDictionary<string, string> Attributes, long Cost);

/// <summary>Keeps the last requests in memory, oldest out, within a bound of requests and of bytes. Off unless asked for.</summary>
/// <remarks>Thread-safe; takes a lock for some tens of nanoseconds a request, and only while recording.</remarks>
internal sealed class TrafficRecorder(RecordingOptions options, TimeProvider time)
{
    // A dictionary of a few entries, a record and their headers, as measured on 64 bits.
    private const int BytesARequest = 300;
    private const int BytesAnAttribute = 80;

    private readonly Lock _lock = new();
    private readonly Queue<(RecordedRequest Request, long Bytes)> _requests = new();
    private readonly long _start = time.GetTimestamp();
    private long _bytes;
    private long _dropped;

    /// <summary>When the recording began: what each <see cref="RecordedRequest.At"/> counts from.</summary>
    public DateTimeOffset Began { get; } = time.GetUtcNow();

    /// <summary>Whether anything is recorded.</summary>
    public bool Enabled { get; } = options.Enabled;

    /// <summary>Requests that the bounds pushed out.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Records a request.</summary>
    public void Record(IReadOnlyDictionary<string, string> attributes, long cost)
    {
        var copy = new Dictionary<string, string>(attributes.Count, StringComparer.OrdinalIgnoreCase);
        var bytes = (long)BytesARequest;
        foreach (var (name, value) in attributes)
        {
            copy[name] = value;
            bytes += BytesAnAttribute + (2 * (name.Length + value.Length));
        }

        lock (_lock)
        {
            _requests.Enqueue((new RecordedRequest(time.GetElapsedTime(_start), copy, cost), bytes));
            _bytes += bytes;
            while (_requests.Count > options.MaxRequests || (_bytes > options.MaxBytes && _requests.Count > 1))
            {
                _bytes -= _requests.Dequeue().Bytes;
                _dropped++;
            }
        }
    }

    /// <summary>What is recorded, oldest first.</summary>
    public IReadOnlyList<RecordedRequest> Read()
    {
        lock (_lock)
            return [.. _requests.Select(r => r.Request)];
    }

    /// <summary>What is kept and how much may be.</summary>
    public override string ToString()
    {
        lock (_lock)
            return string.Create(CultureInfo.InvariantCulture, $"{_requests.Count} requests, {_bytes} bytes, {_dropped} dropped");
    }
}

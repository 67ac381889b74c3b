using System.Collections.Concurrent;
using System.Globalization;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Engines;

/// <summary>
/// Numbers the lives of a root, so that of two that believe to be it only the later may grant. Orleans keeps one activation as a rule;
/// while membership is in doubt there can be two.
/// </summary>
internal interface IRootTenure
{
    /// <summary>Begins a life: its epoch, greater than all before; 1 when there was none.</summary>
    Task<long> BeginAsync(string root);

    /// <summary>Whether <paramref name="epoch"/> is still the latest.</summary>
    ValueTask<bool> HoldsAsync(string root, long epoch);
}

/// <summary>Tenure within one process: a local silo, or a test cluster.</summary>
internal sealed class LocalRootTenure : IRootTenure
{
    private readonly ConcurrentDictionary<string, long> _epochs = new(StringComparer.Ordinal);

    public Task<long> BeginAsync(string root) => Task.FromResult(_epochs.AddOrUpdate(root, 1, static (_, epoch) => epoch + 1));

    public ValueTask<bool> HoldsAsync(string root, long epoch) => new(_epochs.TryGetValue(root, out var latest) && latest == epoch);
}

/// <summary>Tenure in the Redis that also keeps the cluster's membership. A Redis that lost its data starts at 1 again, as a fresh cluster would.</summary>
internal sealed class RedisRootTenure(ConfigurationOptions redis, string clusterId) : IRootTenure, IAsyncDisposable
{
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private ConnectionMultiplexer? _connection;

    public async Task<long> BeginAsync(string root) => await (await DatabaseAsync()).StringIncrementAsync(KeyOf(root));

    public async ValueTask<bool> HoldsAsync(string root, long epoch) =>
        await (await DatabaseAsync()).StringGetAsync(KeyOf(root)) == epoch.ToString(CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync();
        _connecting.Dispose();
    }

    private async Task<IDatabase> DatabaseAsync()
    {
        if (_connection is { } connected)
            return connected.GetDatabase();
        await _connecting.WaitAsync();
        try
        {
            _connection ??= await ConnectionMultiplexer.ConnectAsync(redis);
            return _connection.GetDatabase();
        }
        finally
        {
            _connecting.Release();
        }
    }

    private string KeyOf(string root) => $"tenfold:rate-limiter:{clusterId}:epoch:{root}";
}

using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>An engine as one on a server is: it answers later, it can be away, and this node has a share of it.</summary>
internal sealed class ElsewhereStore : ILimitStore, INodeShare
{
    private readonly EmbeddedLimitStore _store = RuleHost.NewStore(new FakeTimeProvider());

    public bool Away { get; set; }

    public double Share { get; set; } = 1;

    public double ShareOf(Limit limit, string key) => Share;

    public ValueTask<StoreVerdict> AcquireAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
        LaterAsync(() => _store.AcquireAsync(checks, outcomes, cancellationToken));

    public ValueTask<StoreVerdict> PeekAsync(ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, CancellationToken cancellationToken = default) =>
        LaterAsync(() => _store.PeekAsync(checks, outcomes, cancellationToken));

    public ValueTask<StoreVerdict> ReserveAsync(
        string reservationId, ReadOnlyMemory<LimitCheck> checks, Memory<LimitOutcome> outcomes, TimeSpan expiresAfter, CancellationToken cancellationToken = default) =>
        LaterAsync(() => _store.ReserveAsync(reservationId, checks, outcomes, expiresAfter, cancellationToken));

    public async ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return Away ? SettleOutcome.Unavailable : await _store.SettleAsync(reservationId, actualCost, cancellationToken);
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private async ValueTask<StoreVerdict> LaterAsync(Func<ValueTask<StoreVerdict>> ask)
    {
        await Task.Yield();
        return Away ? StoreVerdict.Unavailable : await ask();
    }
}

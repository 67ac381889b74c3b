using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

namespace Tenfold.Server.Api;

/// <summary>Server-sent events that end when the reader leaves or the server drains (see <see cref="Lifetime.Streams"/>).</summary>
internal static class EventStream
{
    public static IResult EachSecond<T>(HttpContext context, string eventName, Func<T> read)
    {
        context.Response.Headers.CacheControl = "no-store";
        // Reverse proxies hold small answers back otherwise.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(Items(context.RequestServices, eventName, read, context.RequestAborted));
    }

    private static async IAsyncEnumerable<SseItem<T>> Items<T>(
        IServiceProvider services, string eventName, Func<T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), services.GetRequiredService<TimeProvider>());
        do
            yield return new SseItem<T>(read(), eventName);
        while (await Tick(timer, cancellationToken));
    }

    private static async ValueTask<bool> Tick(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}

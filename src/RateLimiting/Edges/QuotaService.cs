using Envoy.Service.RateLimitQuota.V3;
using Grpc.Core;

namespace Tenfold.RateLimiting.Edges;

/// <summary>
/// Envoy's rate limit quota service v3 (RLQS): proxies report what they used of a bucket, and are assigned rates, by max-min fairness of what
/// they ask for. The rules say which limit a bucket has: its names and values are the attributes, with <c>domain</c>.
/// </summary>
internal sealed class QuotaService(IRateLimiter limiter, TimeProvider time, QuotaDirectory directory, QuotaOptions options)
    : RateLimitQuotaService.RateLimitQuotaServiceBase
{
    public override async Task StreamRateLimitQuotas(
        IAsyncStreamReader<RateLimitQuotaUsageReports> requestStream, IServerStreamWriter<RateLimitQuotaResponse> responseStream, ServerCallContext context)
    {
        var number = directory.Open(options.MaxStreams);
        if (number == 0)
            throw new RpcException(new Status(StatusCode.ResourceExhausted, $"more than {options.MaxStreams} streams: connect to another server"));
        using var stream = new QuotaStream(directory, options, limiter, time, number);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var writing = WriteAsync(stream, responseStream, ends.Token);
        try
        {
            while (await requestStream.MoveNext(ends.Token))
                await stream.ReadAsync(requestStream.Current, ends.Token);
        }
        catch (OperationCanceledException)
        {
            // The proxy went away: what it was assigned stays reserved until it expires.
        }
        catch (IOException)
        {
            // So it did, without a word.
        }
        finally
        {
            await ends.CancelAsync();
            await writing;
        }
    }

    // A slow reader is waited for: there is never more than one answer under way, and it always says the newest.
    private static async Task WriteAsync(QuotaStream stream, IServerStreamWriter<RateLimitQuotaResponse> responses, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if (await stream.NextAsync(cancellationToken) is { } response)
                    await responses.WriteAsync(response, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The stream has ended.
        }
        catch (InvalidOperationException)
        {
            // It ended while an answer was written.
        }
    }
}

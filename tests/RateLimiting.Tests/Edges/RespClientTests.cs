using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace Tenfold.RateLimiting.Tests.Edges;

/// <summary>Clients that nobody here wrote work unchanged.</summary>
public sealed class RespClientTests
{
    private const string Secret = "s3cret";

    [Theory]
    [InlineData("-2")]
    [InlineData("-3")]
    public async Task Redis_cli_throttles(string version)
    {
        await using var face = await StartAsync();

        var first = await CliAsync(face, version, "CL.THROTTLE", "cli", "0", "1", "3600");
        var second = await CliAsync(face, version, "CL.THROTTLE", "cli", "0", "1", "3600");
        var hello = await CliAsync(face, version, "HELLO", version[1..]);

        Assert.Equal("0\n1\n0\n-1\n3600", first);
        Assert.StartsWith("1\n1\n0\n", second, StringComparison.Ordinal);
        Assert.Contains("tenfold", hello, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redis_benchmark_drives_it_and_every_command_is_decided()
    {
        var store = new RespTestStore(TimeProvider.System);
        await using var face = await RespFace.StartAsync(store);

        var output = await RespTools.RunAsync(
            "redis-benchmark", "redis-tools", "-p", face.Port, "-n", "20000", "-c", "20", "-P", "16", "-r", "50", "--csv", "CL.THROTTLE", "key:__rand_int__", "9", "10", "60");

        Assert.Contains("\"CL.THROTTLE key:__rand_int__ 9 10 60\",", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Could not fetch server CONFIG", output, StringComparison.Ordinal);
        Assert.Equal(50, store.Keys.Count);
        Assert.Equal(0, face.Statistics.ProtocolFaults);
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task StackExchange_Redis_throttles_with_many_calls_at_once(string protocol)
    {
        await using var face = await StartAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(
            $"127.0.0.1:{face.Port},password={Secret},protocol={protocol},name=stackexchange-test,abortConnect=true");
        var database = redis.GetDatabase();

        var replies = await Task.WhenAll(Enumerable.Range(0, 500).Select(async _ =>
            (long[]?)await database.ExecuteAsync("CL.THROTTLE", "stackexchange", 99, 1, 3600)));
        var fault = await Assert.ThrowsAsync<RedisServerException>(() => database.ExecuteAsync("CL.THROTTLE", "k", 1, 0, 1));

        Assert.Equal(100, replies.Count(reply => reply![0] == 0));
        Assert.Equal(400, replies.Count(reply => reply![0] == 1));
        Assert.All(replies, reply => Assert.Equal(100, reply![1]));
        Assert.Contains("count = 0: must be at least 1", fault.Message, StringComparison.Ordinal);
        await database.PingAsync();
    }

    [Fact]
    public async Task Ioredis_throttles_one_by_one_and_in_a_pipeline()
    {
        await using var face = await StartAsync();

        using var answer = JsonDocument.Parse(await RespTools.RunNodeAsync("ioredis-throttle.mjs", face.Port, Secret));
        var root = answer.RootElement;

        Assert.Equal("[[0,2,1,-1,3600],[0,2,0,-1,7200]", Compact(root.GetProperty("replies"))[..32]);
        Assert.Equal(1, root.GetProperty("replies")[2][0].GetInt32());
        Assert.Equal(100, root.GetProperty("pipelined").GetArrayLength());
        Assert.All(root.GetProperty("pipelined").EnumerateArray(), reply => Assert.Equal("[0,10,9,-1,6]", Compact(reply)));
        Assert.Equal("ERR max_burst = -1: must be at least 0", root.GetProperty("wrong").GetString());
        Assert.Equal("ioredis-test", root.GetProperty("name").GetString());
    }

    private static string Compact(JsonElement element) => element.GetRawText().Replace(" ", "", StringComparison.Ordinal);

    private static Task<RespFace> StartAsync() =>
        RespFace.StartAsync(new RespTestStore(TimeProvider.System), configure: options => options.Password = Secret);

    private static async Task<string> CliAsync(RespFace face, string version, params string[] command)
    {
        string[] connect = [version, "-p", face.EndPoint.Port.ToString(CultureInfo.InvariantCulture), "-a", Secret, "--no-auth-warning"];
        return await RespTools.RunAsync("redis-cli", "redis-tools", [.. connect, .. command]);
    }
}

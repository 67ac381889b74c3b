using System.Security.Cryptography;
using System.Text;

namespace Tenfold.RateLimiting.Engines;

/// <summary>A script of the Redis engine: its text, and the hash by which the server knows it.</summary>
internal sealed class RedisScript
{
    private RedisScript(string source)
    {
        Source = source;
        // The server's name for a script is its SHA-1: identity, not security.
#pragma warning disable CA5350
        Hash = SHA1.HashData(Encoding.UTF8.GetBytes(Source));
#pragma warning restore CA5350
    }

    public static RedisScript Decide { get; } = new(
        $$"""
        local function library(now)
        {{Read("RedisPrelude.lua")}}
        {{Read("RedisRequest.lua")}}
        {{Read("RedisAnyRequest.lua")}}
        end
        {{Read("RedisDecide.lua")}}
        """);

    public static RedisScript Reserve { get; } = Of("RedisPrelude.lua", "RedisRequest.lua", "RedisReserve.lua");

    public static RedisScript Settle { get; } = Of("RedisPrelude.lua", "RedisSettle.lua");

    public static RedisScript Lease { get; } = Of("RedisPrelude.lua", "RedisLease.lua");

    public static RedisScript Nodes { get; } = Of("RedisPrelude.lua", "RedisNodes.lua");

    public string Source { get; }

    public byte[] Hash { get; }

    private static RedisScript Of(params string[] files) => new(string.Join('\n', files.Select(Read)));

    private static string Read(string file)
    {
        using var stream = typeof(RedisScript).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"{file} is not in the assembly.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

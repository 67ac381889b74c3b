using System.CommandLine;
using Tenfold.Cli.CommandLine;
using Tenfold.Server;

namespace Tenfold.Cli.Run;

/// <summary>The options of <c>up</c> and the settings that they stand for.</summary>
internal sealed class UpOptions
{
    private readonly Option<string?> _config = CommonOptions.Config();
    private readonly Option<string?> _data = new("--data") { HelpName = "DIR", Description = "where everything durable is kept (default: .tenfold)" };
    private readonly Option<string?> _http = new("--http") { HelpName = "ADDR", Description = "console and HTTP API (default: 127.0.0.1:7070)" };
    private readonly Option<string?> _grpc = new("--grpc") { HelpName = "ADDR", Description = "gRPC, as Envoy speaks it (default: 127.0.0.1:7071)" };
    private readonly Option<string?> _resp = new("--resp") { HelpName = "ADDR", Description = "rate limiter over the Redis protocol (default: 127.0.0.1:7380)" };
    private readonly Option<string[]> _only = new("--only") { HelpName = "SYSTEM", Description = "start only this system (may be repeated)" };
    private readonly Option<string[]> _without = new("--without") { HelpName = "SYSTEM", Description = "leave this system out (may be repeated)" };
    private readonly Option<string[]> _set = new("--set") { HelpName = "PATH=VALUE", Description = "any setting of 'tenfold config defaults' (may be repeated)" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _config, _data, _http, _grpc, _resp, _only, _without, _set })
            command.Add(option);
    }

    /// <summary>The data directory that was named, or the default.</summary>
    public string Data(ParseResult parsed) => parsed.GetValue(_data) ?? ".tenfold";

    public HostSettings Read(ParseResult parsed)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var text in parsed.GetValue(_set) ?? [])
        {
            var (path, value) = NamedValue.Parse("--set ", text);
            settings[path.StartsWith("Tenfold:", StringComparison.OrdinalIgnoreCase) || path.StartsWith("Logging:", StringComparison.OrdinalIgnoreCase) ? path : $"Tenfold:{path}"] = value;
        }

        Put("Tenfold:Server:DataDirectory", _data);
        Put("Tenfold:Server:Http", _http);
        Put("Tenfold:Server:Grpc", _grpc);
        Put("Tenfold:RateLimiting:Resp:Address", _resp);
        PutAll("Tenfold:Server:Only", _only);
        PutAll("Tenfold:Server:Without", _without);
        return new HostSettings { ConfigurationFile = parsed.GetValue(_config), CommandLine = settings };

        void Put(string path, Option<string?> option)
        {
            if (parsed.GetValue(option) is { } value)
                settings[path] = value;
        }

        void PutAll(string path, Option<string[]> option)
        {
            foreach (var (i, value) in (parsed.GetValue(option) ?? []).SelectMany(v => v.Split(',')).Index())
                settings[$"{path}:{i}"] = value;
        }
    }
}

using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Tenfold.Server.Authentication;
using Tenfold.Server.Configuration;
using Tenfold.Server.Listening;
using Tenfold.Time;

namespace Tenfold.Server;

/// <summary>Finds every fault of <see cref="ServerOptions"/>, each with its path and value.</summary>
internal sealed class ServerOptionsValidator : IValidateOptions<ServerOptions>
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    public ValidateOptionsResult Validate(string? name, ServerOptions options)
    {
        var faults = new List<string>();
        var add = (string path, object? value, string must) => faults.Add($"{ServerOptions.Section}:{path} = {value}: {must}");

        CheckAddress("Http", options.Http);
        CheckAddress("Grpc", options.Grpc);
        if (string.IsNullOrWhiteSpace(options.DataDirectory))
            add("DataDirectory", options.DataDirectory, "must name a directory");
        CheckSystems("Only", options.Only);
        CheckSystems("Without", options.Without);
        for (var i = 0; i < options.ApiKeys.Count; i++)
            CheckKey($"ApiKeys:{i}", options.ApiKeys[i], add);
        foreach (var twice in options.ApiKeys.Where(k => k.Sha256.Length > 0).GroupBy(k => k.Sha256, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
            add("ApiKeys", string.Join(", ", twice.Select(k => k.Name)), "must not hold one key twice");
        CheckJwt(options.Jwt, add);
        CheckTls(options.Tls, add);
        if (options.MaxRequestBytes is < 1024 or > 1L << 30)
            add("MaxRequestBytes", options.MaxRequestBytes, "must be 1024-1073741824");
        if (options.MaxConnections is < 1 or > 1_000_000)
            add("MaxConnections", options.MaxConnections, "must be 1-1000000");
        CheckTime("RequestTimeout", options.RequestTimeout, TimeSpan.FromMilliseconds(100));
        CheckTime("DrainLimit", options.DrainLimit, TimeSpan.Zero);
        if (options.DrainNotice is { } notice)
            CheckTime("DrainNotice", notice, TimeSpan.Zero);
        if (options.LogFormat is not ("text" or "json"))
            add("LogFormat", options.LogFormat, "must be text or json");
        if (options.Telemetry.OtlpEndpoint is { Length: > 0 } otlp
            && !(Uri.TryCreate(otlp, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            add("Telemetry:OtlpEndpoint", otlp, "must be an http or https address, as http://127.0.0.1:4317");
        if (options.Telemetry.TraceRatio is not (>= 0 and <= 1))
            add("Telemetry:TraceRatio", options.Telemetry.TraceRatio, "must be 0-1");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void CheckAddress(string path, string text)
        {
            if (!ListenAddress.TryParse(text, out var address, out var fault))
                add(path, text, fault);
            else if (!address.IsLoopback && !options.HasAuthentication)
                add(path, text, "is reachable from other machines, and nobody has to say who they are: run 'tenfold config key' and put what it prints under Tenfold:Server:ApiKeys, or set Tenfold:Server:Jwt, or listen on 127.0.0.1");
        }

        void CheckSystems(string path, IList<string> names)
        {
            for (var i = 0; i < names.Count; i++)
            {
                if (!SystemCatalog.Names.Contains(names[i], StringComparer.Ordinal))
                    add($"{path}:{i}", names[i], $"is no system{Suggestion.For(names[i], SystemCatalog.Names)}: there are {string.Join(", ", SystemCatalog.Names)}");
            }
        }

        void CheckTime(string path, TimeSpan value, TimeSpan least)
        {
            if (value < least || value > Longest)
                add(path, value, $"must be {Duration.Format(least)} to {Duration.Format(Longest)}");
        }
    }

    private static void CheckKey(string path, ApiKeyOptions key, Action<string, object?, string> add)
    {
        if (string.IsNullOrWhiteSpace(key.Name))
            add($"{path}:Name", key.Name, "must name the caller");
        if (key.Sha256.Length != 64 || !key.Sha256.All(char.IsAsciiHexDigit))
            add($"{path}:Sha256", Redaction.Mask, "must be the 64 hexadecimal digits of a key's SHA-256; 'tenfold config key' makes one");
        if (key.Scopes.Count == 0)
            add($"{path}:Scopes", "", $"must name at least one of {string.Join(", ", Scope.All)}");
        foreach (var scope in key.Scopes.Where(s => !Scope.All.Contains(s, StringComparer.Ordinal)))
            add($"{path}:Scopes", scope, $"must be one of {string.Join(", ", Scope.All)}");
    }

    private static void CheckJwt(JwtOptions jwt, Action<string, object?, string> add)
    {
        if (!jwt.IsSet)
        {
            if (!string.IsNullOrEmpty(jwt.Issuer) || !string.IsNullOrEmpty(jwt.Audience))
                add("Jwt", jwt.Issuer ?? jwt.Audience, "needs Key or PublicKeyPath to check signatures with");
            return;
        }

        if (string.IsNullOrEmpty(jwt.Issuer))
            add("Jwt:Issuer", "", "must name who signs the tokens");
        if (string.IsNullOrEmpty(jwt.Audience))
            add("Jwt:Audience", "", "must name for whom the tokens are");
        if (!string.IsNullOrEmpty(jwt.Key) && !string.IsNullOrEmpty(jwt.PublicKeyPath))
            add("Jwt:PublicKeyPath", jwt.PublicKeyPath, "must not be set beside Key: choose one");
        else if (!string.IsNullOrEmpty(jwt.Key) && System.Text.Encoding.UTF8.GetByteCount(jwt.Key) < 32)
            add("Jwt:Key", Redaction.Mask, "must have at least 32 bytes (RFC 7518 section 3.2)");
        else if (!string.IsNullOrEmpty(jwt.PublicKeyPath) && Unreadable(() => JwtSetup.ReadPublicKey(jwt.PublicKeyPath)) is { } why)
            add("Jwt:PublicKeyPath", jwt.PublicKeyPath, $"must be a PEM file with an RSA or EC public key: {why}");
    }

    private static void CheckTls(TlsOptions tls, Action<string, object?, string> add)
    {
        if (!tls.IsSet)
        {
            if (!string.IsNullOrEmpty(tls.KeyPath))
                add("Tls:KeyPath", tls.KeyPath, "needs CertificatePath beside it");
            return;
        }

        if (Unreadable(() => ListenerSetup.LoadCertificate(tls)) is { } why)
            add("Tls:CertificatePath", tls.CertificatePath, $"must be a certificate with its private key, in PEM (with KeyPath) or PKCS #12: {why}");
    }

    private static string? Unreadable(Func<IDisposable> read)
    {
        try
        {
            read().Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }
}

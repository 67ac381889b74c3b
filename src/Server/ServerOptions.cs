namespace Tenfold.Server;

/// <summary>The host's own settings, under <c>Tenfold:Server</c>.</summary>
public sealed class ServerOptions
{
    /// <summary>Where the settings stand in the configuration.</summary>
    public const string Section = "Tenfold:Server";

    /// <summary>
    /// Where the console and the HTTP API listen, as <c>address:port</c>; port 0 takes a free one. Default 127.0.0.1:7070: this machine
    /// only. An address that other machines reach is refused until <see cref="ApiKeys"/> or <see cref="Jwt"/> is set.
    /// </summary>
    public string Http { get; set; } = "127.0.0.1:7070";

    /// <summary>Where gRPC listens (HTTP/2, without TLS unless <see cref="Tls"/> is set), as <see cref="Http"/>. Default 127.0.0.1:7071.</summary>
    public string Grpc { get; set; } = "127.0.0.1:7071";

    /// <summary>Where everything durable is kept; relative to the working directory. One server at a time. Default <c>.tenfold</c>.</summary>
    public string DataDirectory { get; set; } = ".tenfold";

    /// <summary>The systems to start, by name (<c>rate-limiter</c>). Empty, the default, starts all.</summary>
    public IList<string> Only { get; set; } = [];

    /// <summary>The systems to leave out, by name. Default: none.</summary>
    public IList<string> Without { get; set; } = [];

    /// <summary>Who may call, by key. Empty together with <see cref="Jwt"/>, the default, lets this machine call freely.</summary>
    public IList<ApiKeyOptions> ApiKeys { get; set; } = [];

    /// <summary>Who may call, by signed token. Off until its key is set.</summary>
    public JwtOptions Jwt { get; set; } = new();

    /// <summary>The certificate for <see cref="Http"/> and <see cref="Grpc"/>. Off until its path is set.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>
    /// Host names that a request may ask for. Default: on loopback without authentication only loopback names, so that no web page can
    /// reach the server through a name of its own (DNS rebinding); otherwise any.
    /// </summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>The largest request body, in bytes; a larger one is answered 413. Default 1 MiB: rules and decisions are small.</summary>
    public long MaxRequestBytes { get; set; } = 1 << 20;

    /// <summary>The most connections at a time on each listener; more are closed at once. Default 20,000, within common limits of open files.</summary>
    public int MaxConnections { get; set; } = 20_000;

    /// <summary>How long a request may take before it is answered 504; streams are exempt. Default 30 seconds.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long, once told to stop, the server says "not ready" while it still takes requests, so that load balancers turn away first.
    /// Default: none on loopback, else 5 seconds.
    /// </summary>
    public TimeSpan? DrainNotice { get; set; }

    /// <summary>How long requests in flight may then take to finish before they are cut. Default 10 seconds.</summary>
    public TimeSpan DrainLimit { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether the server's own HTTP API under <c>/api</c> is itself limited by the rules, by path, method, ip, tenant and user; decisions, which the
    /// rules already limit, are exempt. Default: no.
    /// </summary>
    public bool LimitOwnApi { get; set; }

    /// <summary>How log lines look: <c>text</c> for people (default) or <c>json</c> for collectors. They go to standard error.</summary>
    public string LogFormat { get; set; } = "text";

    /// <summary>Where metrics and traces are sent, beside <c>/metrics</c>.</summary>
    public TelemetryOptions Telemetry { get; set; } = new();

    /// <summary>Whether callers must say who they are.</summary>
    internal bool HasAuthentication => ApiKeys.Count > 0 || Jwt.IsSet;
}

/// <summary>One key that may call the server.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>Names the caller in logs; never secret.</summary>
    public string Name { get; set; } = "";

    /// <summary>SHA-256 of the key, 64 hexadecimal digits. <c>tenfold config key</c> makes both; the key itself is kept nowhere.</summary>
    public string Sha256 { get; set; } = "";

    /// <summary>What it may do: <c>read</c>, <c>write</c> (includes read), <c>admin</c> (includes both).</summary>
    public IList<string> Scopes { get; set; } = [];

    /// <summary>The one tenant it speaks for: every request counts as this tenant's, whatever it says. Default: any tenant.</summary>
    public string? Tenant { get; set; }
}

/// <summary>Signed tokens (JWT, RFC 7519) that may call the server. Claims <c>scope</c> and <c>tenant</c> mean what they do for keys.</summary>
public sealed class JwtOptions
{
    /// <summary>Who signs (<c>iss</c>); others are refused.</summary>
    public string? Issuer { get; set; }

    /// <summary>For whom (<c>aud</c>); tokens for others are refused.</summary>
    public string? Audience { get; set; }

    /// <summary>The shared secret for HS256, at least 32 bytes. Prefer the environment: <c>TENFOLD__SERVER__JWT__KEY</c>.</summary>
    public string? Key { get; set; }

    /// <summary>A PEM file with the signer's public key, for RS256 or ES256, instead of <see cref="Key"/>.</summary>
    public string? PublicKeyPath { get; set; }

    internal bool IsSet => !string.IsNullOrEmpty(Key) || !string.IsNullOrEmpty(PublicKeyPath);
}

/// <summary>The server's certificate.</summary>
public sealed class TlsOptions
{
    /// <summary>A certificate chain in PEM, or a PKCS #12 file (<c>.pfx</c>, <c>.p12</c>).</summary>
    public string? CertificatePath { get; set; }

    /// <summary>Its private key in PEM; not for PKCS #12.</summary>
    public string? KeyPath { get; set; }

    /// <summary>The password of the key or of the PKCS #12 file, where it has one.</summary>
    public string? Password { get; set; }

    internal bool IsSet => !string.IsNullOrEmpty(CertificatePath);
}

/// <summary>Where telemetry is sent.</summary>
public sealed class TelemetryOptions
{
    /// <summary>
    /// An OpenTelemetry collector (OTLP over gRPC), as <c>http://127.0.0.1:4317</c>. Default: none, or <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>.
    /// </summary>
    public string? OtlpEndpoint { get; set; }

    /// <summary>The part of requests that is traced, 0 to 1. Default 0.01: enough to see, too little to cost.</summary>
    public double TraceRatio { get; set; } = 0.01;
}

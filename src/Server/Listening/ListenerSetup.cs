using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Tenfold.Server.Listening;

/// <summary>Gives Kestrel its two listeners, certificate and limits.</summary>
internal sealed class ListenerSetup(IOptions<ServerOptions> options, BoundAddresses bound) : IConfigureOptions<KestrelServerOptions>
{
    public void Configure(KestrelServerOptions kestrel)
    {
        var server = options.Value;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = server.MaxRequestBytes;
        kestrel.Limits.MaxConcurrentConnections = server.MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = server.RequestTimeout;
        var certificate = server.Tls.IsSet ? LoadCertificate(server.Tls) : null;
        Listen("http", server.Http, certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2);
        Listen("grpc", server.Grpc, HttpProtocols.Http2);

        void Listen(string protocol, string text, HttpProtocols protocols)
        {
            if (!ListenAddress.TryParse(text, out var address, out var fault))
                throw new InvalidOperationException(fault);
            kestrel.Listen(address.EndPoint, listener =>
            {
                listener.Protocols = protocols;
                if (certificate is not null)
                    listener.UseHttps(certificate);
                bound.Add(protocol, listener, certificate is not null);
            });
        }
    }

    /// <summary>Reads PEM or PKCS #12.</summary>
    /// <exception cref="System.Security.Cryptography.CryptographicException">A file is not what it should be.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    internal static X509Certificate2 LoadCertificate(TlsOptions tls)
    {
        var path = tls.CertificatePath!;
        if (path.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".p12", StringComparison.OrdinalIgnoreCase))
            return X509CertificateLoader.LoadPkcs12FromFile(path, tls.Password);
        return string.IsNullOrEmpty(tls.Password)
            ? X509Certificate2.CreateFromPemFile(path, tls.KeyPath)
            : X509Certificate2.CreateFromEncryptedPemFile(path, tls.Password, tls.KeyPath);
    }
}

using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Tenfold.Server.Authentication;

/// <summary>Checks tokens by the configured issuer, audience and key, and by the host's clock.</summary>
internal sealed class JwtSetup(IOptions<ServerOptions> options, TimeProvider time) : IConfigureNamedOptions<JwtBearerOptions>
{
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    public void Configure(JwtBearerOptions options) => Configure(JwtBearerDefaults.AuthenticationScheme, options);

    public void Configure(string? name, JwtBearerOptions bearer)
    {
        var jwt = options.Value.Jwt;
        if (!jwt.IsSet)
            return;
        bearer.MapInboundClaims = false;
        bearer.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuer = jwt.Issuer,
            ValidAudience = jwt.Audience,
            IssuerSigningKey = SigningKey(jwt),
            // Pinned, so that a token cannot choose how it is checked (RFC 8725 section 3.1).
            ValidAlgorithms = string.IsNullOrEmpty(jwt.Key) ? [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256] : [SecurityAlgorithms.HmacSha256],
            RequireExpirationTime = true,
            NameClaimType = "sub",
            LifetimeValidator = (notBefore, expires, _, _) =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                return expires > now - ClockSkew && !(notBefore > now + ClockSkew);
            },
        };
    }

    /// <summary>Reads an RSA or EC public key.</summary>
    /// <exception cref="ArgumentException">The file holds no such key.</exception>
    internal static AsymmetricAlgorithm ReadPublicKey(string path)
    {
        var pem = File.ReadAllText(path);
        var rsa = RSA.Create();
        try
        {
            rsa.ImportFromPem(pem);
            return rsa;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            rsa.Dispose();
        }

        var ec = ECDsa.Create();
        try
        {
            ec.ImportFromPem(pem);
            return ec;
        }
        catch
        {
            ec.Dispose();
            throw;
        }
    }

    private static SecurityKey SigningKey(JwtOptions jwt) =>
        !string.IsNullOrEmpty(jwt.Key)
            ? new SymmetricSecurityKey(Encoding.UTF8.GetBytes(jwt.Key))
            : ReadPublicKey(jwt.PublicKeyPath!) switch
            {
                RSA rsa => new RsaSecurityKey(rsa),
                ECDsa ec => new ECDsaSecurityKey(ec),
                var other => throw new NotSupportedException(other.ToString()),
            };
}

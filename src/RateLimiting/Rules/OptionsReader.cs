using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Reads the options out of the application's configuration, where it has one, and tells of its changes.</summary>
internal sealed class OptionsReader : IConfigureOptions<RateLimitingOptions>, IOptionsChangeTokenSource<RateLimitingOptions>
{
    private readonly IConfigurationSection? _section;

    public OptionsReader(IConfiguration? configuration) => _section = configuration?.GetSection(RateLimitingOptions.Section);

    /// <inheritdoc/>
    public string? Name => Options.DefaultName;

    /// <inheritdoc/>
    public void Configure(RateLimitingOptions options)
    {
        if (_section is not null)
            StrictBinder.Bind(_section, options, options.ReadingFaults);
    }

    /// <inheritdoc/>
    public IChangeToken GetChangeToken() => _section?.GetReloadToken() ?? new CancellationChangeToken(CancellationToken.None);
}

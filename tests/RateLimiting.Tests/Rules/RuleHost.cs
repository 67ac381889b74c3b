using System.Text;
using CsCheck;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Rules;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Tests.Rules;

/// <summary>The rules layer as an application puts it together, on virtual time, configured by JSON as users write it.</summary>
internal sealed class RuleHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly IConfigurationRoot _configuration;
    private readonly JsonText _json;

    public RuleHost(string rateLimiting, ILimitStore? store = null)
    {
        _json = new JsonText(rateLimiting);
        _configuration = new ConfigurationBuilder().Add(_json).Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(_configuration);
        services.AddSingleton<TimeProvider>(Time);
        if (store is not null)
            services.AddSingleton(store);
        services.AddTenfoldRateLimiting();
        _services = services.BuildServiceProvider();
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public RuleRateLimiter Limiter => Get<RuleRateLimiter>();

    public CurrentRules Current => Get<CurrentRules>();

    public DecisionObserver Observer => Get<DecisionObserver>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Changes the configuration as a changed file would.</summary>
    public void Reload(string rateLimiting)
    {
        _json.Text = rateLimiting;
        _configuration.Reload();
    }

    public async Task<RateLimitDecision> AskAsync(long cost, params (string Name, string Value)[] attributes) =>
        await Limiter.AcquireAsync(Request(cost, attributes), TestContext.Current.CancellationToken);

    public async Task<RateLimitDecision> PeekAsync(params (string Name, string Value)[] attributes) =>
        (await Limiter.ExplainAsync(Request(1, attributes), TestContext.Current.CancellationToken)).Decision;

    public static RateLimitRequest Request(long cost, params (string Name, string Value)[] attributes) =>
        new(attributes.ToDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal), cost);

    /// <summary>Any of the values.</summary>
    public static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();

    public static EmbeddedLimitStore NewStore(TimeProvider time) => new(new EmbeddedStoreOptions { MaxKeys = 10_000 }, time, NullLoggerFactory.Instance);

    private sealed class JsonText(string text) : ConfigurationProvider, IConfigurationSource
    {
        public string Text { get; set; } = text;

        public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

        public override void Load()
        {
            var json = $$"""{ "Tenfold": { "RateLimiting": {{Text}} } }""";
            var read = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
            Data = read.AsEnumerable().ToDictionary(p => p.Key, p => p.Value, StringComparer.OrdinalIgnoreCase);
        }
    }
}

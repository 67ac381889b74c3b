using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Tenfold.RateLimiting.Rules;

/// <summary>
/// The rules in force. Follows the configuration while hot: a good change is swapped in as a whole, a faulty one is refused with every fault
/// in the log, and the rules go on as they were.
/// </summary>
/// <remarks>Thread-safe; reading is one volatile read.</remarks>
internal sealed class CurrentRules : IDisposable
{
    private readonly Lock _reload = new();
    private readonly IOptionsFactory<RateLimitingOptions>? _factory;
    private readonly ILogger _log;
    private readonly List<IDisposable> _subscriptions = [];
    private RuleSet _current;
    private string? _lastFault;

    /// <summary>Starts with the given rules and follows changes.</summary>
    /// <param name="options">The options at the start, already found valid.</param>
    /// <param name="factory">Makes the options anew after a change; it validates them.</param>
    /// <param name="changes">Tells of changes.</param>
    /// <param name="log">Takes what happened.</param>
    public CurrentRules(
        RateLimitingOptions options,
        IOptionsFactory<RateLimitingOptions>? factory,
        IEnumerable<IOptionsChangeTokenSource<RateLimitingOptions>> changes,
        ILogger<CurrentRules> log)
    {
        _factory = factory;
        _log = log;
        _current = RuleCompiler.Compile(options.Rules, null, out var faults)
            ?? throw new OptionsValidationException("", typeof(RateLimitingOptions), faults);
        Tell(_current);
        foreach (var source in changes)
            _subscriptions.Add(ChangeToken.OnChange(source.GetChangeToken, Reload));
    }

    /// <summary>Rules that never change.</summary>
    public CurrentRules(RuleSet rules)
    {
        _log = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
        _current = rules;
    }

    /// <summary>The rules in force.</summary>
    public RuleSet Current => Volatile.Read(ref _current);

    /// <summary>The first fault of a change that was refused, until a good one comes; else null.</summary>
    public string? LastFault => Volatile.Read(ref _lastFault);

    /// <summary>Takes other rules, or says why not.</summary>
    public IReadOnlyList<string> TryReplace(IList<RuleOptions> rules)
    {
        lock (_reload)
        {
            var next = RuleCompiler.Compile(rules, _current, out var faults);
            if (next is null)
            {
                Refuse(faults);
                return faults;
            }

            Volatile.Write(ref _current, next);
            Volatile.Write(ref _lastFault, null);
            RateLimitingLog.RulesReloaded(_log, next.Rules.Length);
            Tell(next);
            return [];
        }
    }

    public void Dispose()
    {
        foreach (var subscription in _subscriptions)
            subscription.Dispose();
    }

    private void Reload()
    {
        try
        {
            TryReplace(_factory!.Create(Options.DefaultName).Rules);
        }
        catch (OptionsValidationException e)
        {
            Refuse([.. e.Failures]);
        }
    }

    private void Refuse(IReadOnlyList<string> faults)
    {
        Volatile.Write(ref _lastFault, faults.Count > 0 ? faults[0] : null);
        RateLimitingLog.RulesRefused(_log, faults.Count);
        foreach (var fault in faults)
            RateLimitingLog.RuleFault(_log, fault);
    }

    private void Tell(RuleSet rules)
    {
        foreach (var warning in rules.Warnings)
            RateLimitingLog.RuleWarning(_log, warning);
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tenfold.RateLimiting.Engines;
using Tenfold.RateLimiting.Why;

namespace Tenfold.RateLimiting.Rules;

/// <summary>Decides requests by the configured rules: matches, asks the engine once, and falls back as each rule says.</summary>
/// <remarks>
/// Thread-safe and without locks. One decision sees one version of the rules. On the embedded engine a decision completes synchronously.
/// </remarks>
internal sealed class RuleRateLimiter : IRateLimiter, IJointRateLimiter
{
    /// <summary>The name under which a limit is reported that came with the request.</summary>
    public const string InlineRule = "inline";

    private const int MaxReservationIdLength = 128;

    private readonly ILimitStore _store;
    private readonly LocalFallback _fallback;
    private readonly CurrentRules _rules;
    private readonly DecisionIds _ids;
    private readonly DecisionObserver? _observer;
    private readonly TimeProvider _time;

    public RuleRateLimiter(
        ILimitStore store, LocalFallback fallback, CurrentRules rules, DecisionIds ids, DecisionObserver? observer, TimeProvider time)
    {
        _store = store;
        _fallback = fallback;
        _rules = rules;
        _ids = ids;
        _observer = observer;
        _time = time;
    }

    /// <summary>The rules in force.</summary>
    public RuleSet Rules => _rules.Current;

    /// <summary>Whether every decision completes synchronously: the engine is in this process.</summary>
    public bool AnswersAtOnce => _store is EmbeddedLimitStore;

    /// <inheritdoc/>
    public ValueTask<RateLimitDecision> AcquireAsync(RateLimitRequest request, CancellationToken cancellationToken = default) =>
        AcquireAsync(request, null, cancellationToken);

    /// <summary>As <see cref="IRateLimiter.AcquireAsync"/>, with a limit of the request's own beside the rules'.</summary>
    public ValueTask<RateLimitDecision> AcquireAsync(RateLimitRequest request, InlineLimit? inline, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return DecideAsync(new DictionaryAttributes(request.Attributes), request.Cost, new DecisionTerms { Inline = inline }, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<RateLimitDecision> ReserveAsync(
        string reservationId, RateLimitRequest request, TimeSpan expiresAfter, CancellationToken cancellationToken = default) =>
        ReserveAsync(reservationId, request, expiresAfter, null, cancellationToken);

    /// <summary>As <see cref="IRateLimiter.ReserveAsync"/>, with a limit of the request's own beside the rules'.</summary>
    public ValueTask<RateLimitDecision> ReserveAsync(
        string reservationId, RateLimitRequest request, TimeSpan expiresAfter, InlineLimit? inline, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        CheckReservationId(reservationId);
        if (expiresAfter <= TimeSpan.Zero || expiresAfter > TimeSpan.FromDays(1))
            throw new RequestFaultException($"a reservation expires after {expiresAfter}: must be more than zero and at most a day.");
        var terms = new DecisionTerms { ReservationId = reservationId, ExpiresAfter = expiresAfter, HoldCost = true, Inline = inline };
        return DecideAsync(new DictionaryAttributes(request.Attributes), request.Cost, terms, cancellationToken);
    }

    /// <summary>Decides one request from any source of attributes.</summary>
    public async ValueTask<RateLimitDecision> DecideAsync(
        IAttributes attributes, long cost, DecisionTerms terms, CancellationToken cancellationToken)
    {
        CheckRequest(attributes, cost);
        var started = _time.GetTimestamp();
        var work = PendingDecision.Take(_rules.Current);
        var reserves = terms.ReservationId is not null;
        if (!terms.InlineOnly)
            work.AddMatching(0, attributes, cost, terms.RequiredRules, reserves);
        if (terms.Inline is { } inline)
            work.AddInline(0, inline.Limit, inline.Key ?? KeyOf(attributes), cost, reserves);
        if (reserves && (terms.HoldCost || work.HoldsAny))
            work.HoldAll(terms.HoldCost);
        else
            reserves = false;
        var kind = terms.Peek ? AskKind.Peek : reserves ? AskKind.Reserve : AskKind.Acquire;
        var ask = new Ask(kind, terms.ReservationId, terms.ExpiresAfter, cancellationToken);
        var admitted = await AskAllAsync(work, ask);
        var decision = ToDecision(work, 0, admitted);
        if (!terms.Peek && (decision.Admitted || !terms.Again))
            _observer?.Observe(work, 0, decision, attributes, cost, started);
        work.Return();
        return decision;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<RateLimitDecision>> AcquireTogetherAsync(
        IReadOnlyList<JointRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        var started = _time.GetTimestamp();
        var attributes = new DictionaryAttributes[requests.Count];
        for (var i = 0; i < attributes.Length; i++)
        {
            attributes[i] = new DictionaryAttributes(requests[i].Request.Attributes);
            CheckRequest(attributes[i], requests[i].Request.Cost);
        }

        var work = PendingDecision.Take(_rules.Current);
        for (var i = 0; i < attributes.Length; i++)
        {
            if (requests[i].InlineLimit is { } limit)
                work.AddInline(i, limit, KeyOf(attributes[i]), requests[i].Request.Cost, holds: false);
            else
                work.AddMatching(i, attributes[i], requests[i].Request.Cost, null, holds: false);
        }

        var admitted = await AskAllAsync(work, new Ask(AskKind.Acquire, null, default, cancellationToken));
        var decisions = new RateLimitDecision[attributes.Length];
        for (var i = 0; i < decisions.Length; i++)
        {
            decisions[i] = ToDecision(work, i, admitted || HadRoom(work, i));
            _observer?.Observe(work, i, decisions[i], attributes[i], requests[i].Request.Cost, started);
        }

        work.Return();
        return decisions;
    }

    /// <inheritdoc/>
    public async ValueTask<SettleOutcome> SettleAsync(string reservationId, long actualCost, CancellationToken cancellationToken = default)
    {
        CheckReservationId(reservationId);
        if (actualCost < 0)
            throw new RequestFaultException($"the actual cost is {actualCost}: it must not be negative; 0 refunds all.");
        foreach (var rule in _rules.Current.DryRuns)
            await _store.SettleAsync(DryRunReservation(reservationId, rule), actualCost, cancellationToken);

        // What was reserved while the engine was away is held here, and only here.
        if (_fallback.WasUsed)
        {
            var local = await _fallback.Store.SettleAsync(reservationId, actualCost, cancellationToken);
            if (local != SettleOutcome.Unknown)
                return local;
        }

        return await _store.SettleAsync(reservationId, actualCost, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<RateLimitExplanation> ExplainAsync(RateLimitRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var rules = _rules.Current;
        var attributes = new DictionaryAttributes(request.Attributes);
        var decision = await DecideAsync(attributes, request.Cost, new DecisionTerms { Peek = true }, cancellationToken);
        return new RateLimitExplanation(decision, Explanation.Of(rules, attributes, decision));
    }

    private async ValueTask<bool> AskAllAsync(PendingDecision work, Ask ask)
    {
        if (work.Enforced.Count + work.Gauges.Count > ILimitStore.MaxChecks)
            throw TooManyLimits(work);
        var peek = ask with { Kind = AskKind.Peek };
        var admitted = work.Gauges.Count == 0 || await AskAsync(work.Gauges, 0, work.Gauges.Count, peek);
        if (work.Enforced.Count > 0)
            admitted &= await AskAsync(work.Enforced, 0, work.Enforced.Count, admitted ? ask : peek);

        // A rule in dry run sees what it would see if it were enforced: nothing of requests that others deny.
        for (int start = 0, end; start < work.DryRun.Count; start = end)
        {
            end = SegmentEnd(work.DryRun, start);
            await AskAsync(work.DryRun, start, end, DryRunAsk(admitted ? ask : peek, work.DryRun, start));
        }

        return admitted;
    }

    private async ValueTask<bool> AskAsync(CheckGroup group, int start, int end, Ask ask)
    {
        var verdict = await ask.OfAsync(_store, group.Checks.AsMemory(start, end - start), group.Outcomes.AsMemory(start, end - start));
        if (verdict == StoreVerdict.Unavailable)
            return await _fallback.DecideAsync(group, start, end, ask);
        group.Sources.AsSpan(start, end - start).Clear(); // DecisionSource.Engine
        return verdict == StoreVerdict.Admitted;
    }

    private static int SegmentEnd(CheckGroup group, int start)
    {
        // Several requests may meet one rule: more checks than a store takes at once are asked in turn, as a dry run must never fail.
        var end = start + 1;
        while (end < group.Count && end - start < ILimitStore.MaxChecks && ReferenceEquals(group.Rules[end], group.Rules[start]) && WayOf(group, end) == WayOf(group, start))
            end++;
        return end;
    }

    // Held, only looked at, or charged. A rule that holds does so in one call, since its reservation has one id.
    private static AskKind WayOf(CheckGroup group, int at) =>
        group.Checks[at].Hold ? AskKind.Reserve : IsGauge(group, at) ? AskKind.Peek : AskKind.Acquire;

    private static bool IsGauge(CheckGroup group, int at) => group.Checks[at].Limit.Algorithm == LimitAlgorithm.Concurrency;

    private static Ask DryRunAsk(Ask ask, CheckGroup group, int start) => ask.Kind switch
    {
        AskKind.Acquire when IsGauge(group, start) => ask with { Kind = AskKind.Peek },
        AskKind.Reserve when !group.Checks[start].Hold => ask with { Kind = AskKind.Acquire },
        AskKind.Reserve => ask with { ReservationId = DryRunReservation(ask.ReservationId!, group.Rules[start]!) },
        _ => ask,
    };

    private static string DryRunReservation(string reservationId, Rule rule)
    {
        var id = $"{reservationId}~{rule.Name}";
        return id.Length <= MaxReservationIdLength ? id : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(id)));
    }

    private RateLimitDecision ToDecision(PendingDecision work, int request, bool admitted)
    {
        var count = 0;
        foreach (var entry in work.Entries)
            count += entry.Request == request ? 1 : 0;
        if (count == 0)
            return new RateLimitDecision(_ids.Next(), admitted, TimeSpan.Zero, []);
        var results = new LimitResult[count];
        var retry = TimeSpan.Zero;
        var at = 0;
        foreach (var entry in work.Entries)
        {
            if (entry.Request != request)
                continue;
            var result = results[at++] = entry.ToResult();
            if (!admitted && !result.DryRun && !result.Outcome.HasRoom)
                retry = Later(retry, result.Outcome.RetryAfter);
        }

        return new RateLimitDecision(_ids.Next(), admitted, retry, results);
    }

    private static bool HadRoom(PendingDecision work, int request)
    {
        foreach (var entry in work.Entries)
        {
            if (entry.Request == request && !entry.DryRun && !entry.Group.Outcomes[entry.At].HasRoom)
                return false;
        }

        return true;
    }

    private static TimeSpan Later(TimeSpan a, TimeSpan b) =>
        a == Timeout.InfiniteTimeSpan || b == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : a > b ? a : b;

    /// <summary>One key for the combination of all attributes, whatever their order.</summary>
    private static string KeyOf(IAttributes attributes)
    {
        var all = attributes.ToDictionary();
        if (all.Count == 0)
            return KeyTemplate.Everyone;
        var parts = all.OrderBy(a => a.Key, StringComparer.OrdinalIgnoreCase)
            .SelectMany(a => new[] { a.Key.ToLowerInvariant(), AttributeNames.KeyPart(a.Key, AttributeNames.Normalise(a.Key, a.Value) ?? "") });
        return KeyTemplate.Join(parts.ToArray());
    }

    private static void CheckRequest(IAttributes attributes, long cost)
    {
        if (cost < 0)
            throw new RequestFaultException(string.Create(CultureInfo.InvariantCulture, $"the cost is {cost}: it must not be negative; 0 only asks."));
        attributes.Check();
    }

    private static void CheckReservationId(string id)
    {
        if (string.IsNullOrEmpty(id) || id.Length > MaxReservationIdLength)
            throw new RequestFaultException($"a reservation's id has {id?.Length ?? 0} characters: it must have 1 to {MaxReservationIdLength}.");
    }

    private static RequestFaultException TooManyLimits(PendingDecision work)
    {
        var rules = work.Entries.Select(e => e.RuleName).Distinct(StringComparer.Ordinal).Take(8);
        return new RequestFaultException(
            $"the request meets {work.Enforced.Count + work.Gauges.Count} limits: at most {ILimitStore.MaxChecks} are decided together. Narrow the rules {string.Join(", ", rules)}…");
    }
}

/// <summary>How a request is decided, beyond its attributes and cost.</summary>
internal readonly record struct DecisionTerms
{
    /// <summary>Ask only.</summary>
    public bool Peek { get; init; }

    /// <summary>The same request was rejected before, and asks again: another rejection is not counted.</summary>
    public bool Again { get; init; }

    /// <summary>Under which id what is held is held; null holds nothing.</summary>
    public string? ReservationId { get; init; }

    /// <summary>When a hold returns by itself.</summary>
    public TimeSpan ExpiresAfter { get; init; }

    /// <summary>Hold the cost of every limit until it is settled; else only concurrency limits are held.</summary>
    public bool HoldCost { get; init; }

    /// <summary>Rules that the endpoint asks for by name.</summary>
    public IReadOnlyList<string>? RequiredRules { get; init; }

    /// <summary>A limit of the request's own.</summary>
    public InlineLimit? Inline { get; init; }

    /// <summary>The request's own limit decides instead of the rules, not beside them.</summary>
    public bool InlineOnly { get; init; }
}

/// <summary>A limit that comes with a request.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Key">Whose use is counted; null: the combination of all attributes.</param>
internal readonly record struct InlineLimit(Limit Limit, string? Key);

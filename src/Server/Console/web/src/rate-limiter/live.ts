import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import type { LimiterLive } from '../api/types';
import { shellUrl } from '../api/client';
import { bar } from '../parts/bar';
import '../parts/chart';
import { copyLine } from '../parts/copy';
import { bytes, count, percent, rate, seconds, time } from '../parts/format';
import { empty } from '../parts/states';
import { tiles, type Tile } from '../parts/tiles';
import { linkNotice } from '../shell/link-state';
import { link } from '../shell/router';
import { systems } from '../shell/systems';
import { history, limiter } from './history';

const rateLines = [
  { label: 'Admitted', colour: '--series-1', fill: true },
  { label: 'Rejected', colour: '--series-2', dash: [6, 3] },
  { label: 'Unavailable', colour: '--series-3', dash: [2, 2] },
];
const latencyLines = [
  { label: 'p50', colour: '--series-1' },
  { label: 'p99', colour: '--series-4', dash: [6, 3] },
  { label: 'p99.9', colour: '--series-3', dash: [2, 2] },
];
const shownKeys = 10;
const shownRules = 20;

/** What the limiter does this second and did in the last five minutes. */
class LimiterLivePage extends PageElement {
  private unsubscribe: (() => void) | undefined;
  private summary = { rates: 'Waiting for the first second.', latencies: 'Waiting for the first second.', at: 0 };

  override connectedCallback() {
    super.connectedCallback();
    this.unsubscribe = limiter.subscribe(() => this.requestUpdate());
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.unsubscribe?.();
  }

  override render() {
    const live = limiter.last;
    const heard = live ? time(new Date(live.time)) : '';
    if (live) this.summarise(live);
    return html`
      ${linkNotice(limiter.state, heard)}
      <div class=${limiter.state === 'live' || !live ? '' : 'is-stale'}>
        ${this.figures(live)}
        <div class="charts">
          <section class="card" aria-label="Decisions"><tf-chart label="Decisions a second" .data=${history.rates} .lines=${rateLines} .format=${rate} .summary=${this.summary.rates}></tf-chart></section>
          <section class="card" aria-label="Latency"><tf-chart label="Latency of a decision" log .data=${history.latencies} .lines=${latencyLines} .format=${seconds} .summary=${this.summary.latencies}></tf-chart></section>
        </div>
        <div class="columns even">
          <section class="card reserve-table" aria-labelledby="by-rule">
            <h2 id="by-rule">By rule</h2>${live ? this.byRule(live) : nothing}
          </section>
          <section class="card reserve-table" aria-labelledby="top-keys">
            <h2 id="top-keys">Busiest keys</h2>${live ? this.byKey(live) : nothing}
          </section>
        </div>
      </div>`;
  }

  private figures(live: LimiterLive | undefined) {
    const some = live && live.decisionsPerSecond > 0;
    return tiles([
      { name: 'Decisions', value: live && rate(live.decisionsPerSecond), note: live ? `${rate(live.admittedPerSecond)} admitted` : '' },
      { name: 'Rejected', value: live && rate(live.rejectedPerSecond), note: live ? `${percent(live.rejectedPerSecond, live.decisionsPerSecond)} of all` : '' },
      { name: 'Unavailable', value: live && rate(live.unavailablePerSecond), note: live ? (live.unavailablePerSecond > 0 ? 'the engine does not answer' : 'the engine answers') : '', tone: live && live.unavailablePerSecond > 0 ? 'bad' : undefined },
      { name: 'Latency p99', value: live && (some ? seconds(live.latencySeconds.p99) : '–'), note: some ? `p99.9 ${seconds(live.latencySeconds.p999)}` : '' },
      this.kept(live),
    ]);
  }

  /** Only the engine in this process is counted; another counts its own. */
  private kept(live: LimiterLive | undefined): Tile {
    const engine = systems.last?.find((s) => s.name === 'rate-limiter')?.engine ?? '';
    if (live?.memoryBytes === 0 && !engine.startsWith('embedded')) return { name: 'Keys kept', value: '–', note: 'by the engine' };
    return { name: 'Keys kept', value: live && count(live.keys), note: live ? bytes(live.memoryBytes) + (live.keys > 0 ? `, ${bytes(Math.round(live.memoryBytes / live.keys))} a key` : '') : '' };
  }

  private byRule(live: LimiterLive) {
    if (live.rules.length === 0)
      return empty('No rule decided anything this second', html`<p>Send it a request and watch this page:</p>${copyLine(`for i in $(seq 20); do curl -s -o /dev/null -w '%{http_code} ' "${shellUrl('rate-limiter/acquire?key=alice&limit=5/10s')}"; done`, 'Send twenty requests')}`);
    const all = (r: LimiterLive['rules'][number]) => r.admittedPerSecond + r.rejectedPerSecond;
    const rows = [...live.rules].sort((a, b) => b.rejectedPerSecond - a.rejectedPerSecond || all(b) - all(a));
    const most = Math.max(1, ...rows.map(all));
    return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="by-rule"><table class="rows">
      <thead><tr><th scope="col">Rule</th><th scope="col" class="end">Admitted</th><th scope="col" class="end">Rejected</th><th scope="col" class="end wide">% rejected</th></tr></thead>
      <tbody>${rows.slice(0, shownRules).map((r) => html`<tr>
        <th scope="row"><span class="clip" title=${r.rule}>${r.rule}</span>${bar([{ share: r.admittedPerSecond / most, tone: '1' }, { share: r.rejectedPerSecond / most, tone: '2' }])}
          ${r.dryRunRejectedPerSecond > 0 ? html`<span class="quiet">dry run would reject ${rate(r.dryRunRejectedPerSecond)}</span>` : nothing}</th>
        <td class="end number">${rate(r.admittedPerSecond)}</td>
        <td class="end number">${rate(r.rejectedPerSecond)}</td>
        <td class="end number wide">${percent(r.rejectedPerSecond, all(r))}</td></tr>`)}</tbody>
    </table></div>
    ${rows.length > shownRules ? html`<p class="quiet">and ${count(rows.length - shownRules)} quieter rules</p>` : nothing}`;
  }

  private byKey(live: LimiterLive) {
    if (live.topKeys.length === 0) return empty('No key is busy', html`<p>The keys with the most decisions show here as requests come.</p>`);
    const rows = live.topKeys.slice(0, shownKeys);
    const most = Math.max(1, ...rows.map((k) => k.perSecond));
    return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="top-keys"><table class="rows">
      <thead><tr><th scope="col">Key</th><th scope="col" class="wide">Rule</th><th scope="col" class="end">Asked</th><th scope="col" class="end">Rejected</th></tr></thead>
      <tbody>${rows.map((k) => html`<tr>
        <th scope="row"><code class="clip" title=${k.key}>${k.key || '(none)'}</code>${bar([{ share: (k.perSecond - k.rejectedPerSecond) / most, tone: '1' }, { share: k.rejectedPerSecond / most, tone: '2' }])}<span class="narrow quiet clip">${k.rule}</span></th>
        <td class="wide"><span class="clip" title=${k.rule}>${k.rule}</span></td>
        <td class="end number">${rate(k.perSecond)}</td>
        <td class="end number">${rate(k.rejectedPerSecond)}</td></tr>`)}</tbody>
    </table></div>
    <p class="quiet"><a href=${link(['rate-limiter', 'data'])}>See the last rejections and ask why</a></p>`;
  }

  /** The charts in words, renewed every ten seconds: often enough to be true, rare enough to be read. */
  private summarise(live: LimiterLive) {
    const now = Date.parse(live.time);
    if (now - this.summary.at < 10_000 && now >= this.summary.at) return;
    this.summary = {
      at: now,
      rates: `At ${time(new Date(now))}: ${rate(live.admittedPerSecond)} admitted, ${rate(live.rejectedPerSecond)} rejected, ${rate(live.unavailablePerSecond)} unavailable.`,
      latencies: live.decisionsPerSecond > 0
        ? `At ${time(new Date(now))}: p50 ${seconds(live.latencySeconds.p50)}, p99 ${seconds(live.latencySeconds.p99)}, p99.9 ${seconds(live.latencySeconds.p999)}.`
        : `At ${time(new Date(now))}: no decisions.`,
    };
  }
}

customElements.define('tf-limiter-live', LimiterLivePage);

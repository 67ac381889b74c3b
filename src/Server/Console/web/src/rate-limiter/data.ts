import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import type { Rule } from '../api/types';
import { count } from '../parts/format';
import { empty, loaded } from '../parts/states';
import { attributesOf, limitKind, limitWords, unavailableWords } from './readable';
import './rejections';
import './why';

const rulesUrl = 'rate-limiter/rules';
const shown = 100;

/** What the limiter knows: its rules, whom it refused, and why it would. */
class LimiterData extends PageElement {
  static override properties = { query: { attribute: false } };
  declare query: URLSearchParams;
  private readonly rules = new Loader(this, (signal) => getJson<Rule[]>(rulesUrl, signal));

  override render() {
    return html`
      <section class="card" aria-labelledby="rules-title">
        <h2 id="rules-title">Rules</h2>
        ${loaded(this.rules, (rules) => this.table(rules), 4)}
      </section>
      ${this.rules.value || this.rules.error ? this.rest() : nothing}`;
  }

  /** Drawn below the rules once their height is known, so that nothing moves under the reader. */
  private rest() {
    return html`
      <section class="card" aria-labelledby="why-title">
        <h2 id="why-title">Why?</h2>
        <tf-why .query=${this.query} .known=${attributesOf(this.rules.value ?? [])}></tf-why>
      </section>
      <section class="card" aria-labelledby="rejections-title">
        <tf-rejections></tf-rejections>
      </section>`;
  }

  private table(rules: Rule[]) {
    if (rules.length === 0)
      return empty('No rules yet', html`<p>Requests may carry their own limit (<code>limit=5/10s</code>). To limit by path, tenant or user, add rules to <code>tenfold.json</code> under <code>Tenfold:RateLimiting:Rules</code>; they load while the server runs.</p>`);
    return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="rules-title"><table class="rows tall stack">
      <thead><tr><th scope="col">Rule</th><th scope="col">Applies to</th><th scope="col">Counts for each</th><th scope="col">Limit</th><th scope="col">Without the engine</th></tr></thead>
      <tbody>${rules.slice(0, shown).map((rule) => html`<tr>
        <th scope="row">${rule.name} ${rule.dryRun ? html`<span class="badge quiet warn" title="Counts and reports, refuses nobody">Dry run</span>` : ''}</th>
        <td data-label="Applies to">${Object.entries(rule.match ?? {}).length === 0 ? html`<span class="quiet">every request</span>` : html`<ul class="chips">${Object.entries(rule.match).map(([name, value]) => html`<li><span>${name}</span> <code>${value}</code></li>`)}</ul>`}</td>
        <td data-label="Counts for each">${rule.key.length === 0 ? html`<span class="quiet">all together</span>` : rule.key.join(' + ')}${`${rule.cost}` === '1' ? '' : html`<br><span class="quiet">each costs ${rule.cost}</span>`}</td>
        <td data-label="Limit">${rule.limits.map((limit) => html`<div class="limit"><b class="number">${limitWords(limit)}</b> <span class="quiet">${limitKind(limit)}</span></div>`)}
          ${rule.overrides?.length ? html`<details><summary>${count(rule.overrides.length)} ${rule.overrides.length === 1 ? 'exception' : 'exceptions'}</summary>
            <ul class="plain">${rule.overrides.map((o) => html`<li><code>${o.key.join(' / ')}</code> <b class="number">${o.exempt ? 'no limit' : o.permits == null ? 'other limit' : count(o.permits)}${o.period ? ` per ${o.period}` : ''}</b></li>`)}</ul></details>` : ''}</td>
        <td data-label="Without the engine">${unavailableWords(rule)}</td></tr>`)}</tbody>
    </table></div>
    ${rules.length > shown ? html`<p class="quiet">The first ${count(shown)} of ${count(rules.length)}. Ask below which of them a request meets.</p>` : ''}`;
  }
}

customElements.define('tf-limiter-data', LimiterData);

import { html, nothing, type PropertyValues } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { postJson } from '../api/client';
import { icons } from '../parts/icons';
import { failed } from '../parts/states';
import { rewrite } from '../shell/router';
import type { Explanation } from './decisions';
import { wait } from './rejections';

const usual = ['path', 'method', 'tenant', 'user', 'tier', 'ip', 'key', 'domain'];

/** Asks how a request would be decided, rule by rule, and charges nothing. The question is kept in the address. */
class Why extends PageElement {
  static override properties = { query: { attribute: false }, known: { attribute: false }, rows: { state: true }, cost: { state: true } };
  declare query: URLSearchParams;
  declare known: string[];
  declare rows: { name: string; value: string }[];
  declare cost: string;
  private asked: { attributes: Record<string, string>; cost: number } | undefined;
  private touched = false;
  private readonly answer = new Loader(this, (signal) => postJson<Explanation>('rate-limiter/explain', this.asked, signal), { manual: true });

  constructor() {
    super();
    this.rows = [];
    this.cost = '1';
  }

  protected override willUpdate(changed: PropertyValues<this>) {
    if (changed.has('query') && this.query) this.fromAddress();
    // Until the user types, offer a line for each attribute that the rules look at.
    if (changed.has('known') && !this.touched && this.asked === undefined)
      this.rows = (this.known.length ? this.known : ['path', 'user']).slice(0, 6).map((name) => ({ name, value: '' }));
  }

  private fromAddress() {
    const given = [...this.query].filter(([name]) => name !== 'cost');
    if (given.length === 0) return;
    this.rows = given.map(([name, value]) => ({ name, value }));
    this.cost = this.query.get('cost') ?? '1';
    this.ask();
  }

  override render() {
    return html`
      <p class="quiet">Say what is known of a request; see how each rule would decide it now. Nothing is charged.</p>
      <form class="why" @submit=${this.submit} autocomplete="off">
        <datalist id="attribute-names">${[...new Set([...this.known, ...usual])].map((n) => html`<option value=${n}></option>`)}</datalist>
        <div class="attributes">
          ${this.rows.map((row, i) => html`<div class="attribute" role="group" aria-label="Attribute ${i + 1}">
            <input aria-label="Attribute name" list="attribute-names" placeholder="attribute" spellcheck="false" .value=${row.name} @input=${(e: Event) => this.edit(i, 'name', e)}>
            <input aria-label="Value of ${row.name || 'the attribute'}" placeholder="value" spellcheck="false" maxlength="8192" .value=${row.value} @input=${(e: Event) => this.edit(i, 'value', e)}>
            <button class="button small icon-only" type="button" aria-label="Remove ${row.name || 'the attribute'}" @click=${() => this.drop(i)}>${icons.remove}</button>
          </div>`)}
        </div>
        <div class="form-end">
          <button class="button small" type="button" ?disabled=${this.rows.length >= 64} @click=${this.add}>${icons.plus} Attribute</button>
          <label class="cost">Cost <input type="number" min="0" step="1" required .value=${this.cost} @input=${(e: Event) => (this.cost = (e.target as HTMLInputElement).value)}></label>
          <button class="button primary" type="submit">Explain</button>
        </div>
      </form>
      <div aria-live="polite" aria-busy=${this.answer.loading}>${this.result()}</div>`;
  }

  private result() {
    if (this.answer.error) return failed(this.answer.error, () => void this.answer.load());
    if (!this.answer.value) return nothing;
    const { decision, rules } = this.answer.value;
    const matched = rules.filter((r) => r.matched).length;
    return html`<div class="explanation">
      <p class="verdict">${decision.admitted
        ? html`<span class="tone-ok">${icons.ok}</span><b>Would be admitted.</b> ${matched === 0 ? 'No rule applies to it.' : ''}`
        : html`<span class="tone-warn">${icons.bad}</span><b>Would be rejected.</b> ${decision.retryAfterSeconds === null ? 'Waiting alone never helps.' : html`Again in <span class="number">${wait(decision.retryAfterSeconds)}</span>.`}`}</p>
      ${rules.length === 0 ? html`<p class="quiet">There are no rules: only a limit that a request brings along would count.</p>` : nothing}
      <ol class="reasons">${rules.map((r) => html`<li class=${r.matched ? '' : 'apart'}>
        <span class=${r.matched ? (this.refuses(r.rule) ? 'tone-warn' : 'tone-ok') : 'tone-idle'}>${r.matched ? (this.refuses(r.rule) ? icons.bad : icons.ok) : icons.none}</span>
        <div><b>${r.rule}</b> <span class="quiet">${r.matched ? 'applies' : 'does not apply'}</span><br>${r.reason}</div></li>`)}</ol>
    </div>`;
  }

  private refuses(rule: string) {
    return this.answer.value!.decision.limits.some((part) => part.rule === rule && !part.admitted && !part.dryRun);
  }

  private edit(at: number, part: 'name' | 'value', event: Event) {
    this.touched = true;
    this.rows = this.rows.map((row, i) => (i === at ? { ...row, [part]: (event.target as HTMLInputElement).value } : row));
  }

  private add() {
    this.touched = true;
    this.rows = [...this.rows, { name: '', value: '' }];
    void this.updateComplete.then(() => this.querySelector<HTMLElement>('.attribute:last-child input')?.focus());
  }

  private drop(at: number) {
    this.touched = true;
    this.rows = this.rows.filter((_, i) => i !== at);
  }

  private submit(event: Event) {
    event.preventDefault();
    this.ask();
    const query = new URLSearchParams(this.asked!.attributes);
    if (this.asked!.cost !== 1) query.set('cost', String(this.asked!.cost));
    rewrite(['rate-limiter', 'data'], query);
  }

  private ask() {
    const given = this.rows.filter((row) => row.name.trim() && row.value);
    this.asked = { attributes: Object.fromEntries(given.map((row) => [row.name.trim(), row.value])), cost: Number(this.cost) };
    this.answer.value = undefined;
    void this.answer.load();
  }
}

customElements.define('tf-why', Why);

import { html, type PropertyValues } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import { bar } from '../parts/bar';
import { copyLine } from '../parts/copy';
import { count, money, quantity, unitWords, words } from '../parts/format';
import { icons } from '../parts/icons';
import { loaded } from '../parts/states';
import { tiles } from '../parts/tiles';
import { rewrite } from '../shell/router';
import { fleetOf, isAssumption, sectionsOf, type Plan, type PlanLine } from './plan-types';

const settleMs = 200;

/** What the load takes and costs, line by line; changing an assumption changes all at once. What was set is in the address. */
class PlanPage extends PageElement {
  static override properties = { system: {}, query: { attribute: false } };
  declare system: string;
  declare query: URLSearchParams;
  private set = new URLSearchParams();
  private timer = 0;
  private readonly plan = new Loader(this, (signal) => getJson<Plan>(`plans/${this.system}${this.set.size ? `?${this.set}` : ''}`, signal), { manual: true });

  protected override willUpdate(changed: PropertyValues<this>) {
    if (!changed.has('query')) return;
    if (this.plan.value && `${this.query}` === `${this.set}`) return;
    this.set = new URLSearchParams(this.query);
    void this.plan.load();
  }

  override render() {
    return loaded(this.plan, (plan) => this.page(plan), 16);
  }

  private page(plan: Plan) {
    const most = Math.max(0.01, ...plan.sensitivities.map((s) => Math.abs(s.elasticity)));
    const what = new Map(plan.lines.map((line) => [line.name, line.what]));
    return html`
      ${tiles([
        { name: 'Bill a month', value: money(plan.monthlyBill, plan.currency), note: 'list prices, rounded up to whole machines' },
        ...fleetOf(plan).map((line) => ({ name: words(line.name), value: count(line.value), note: line.what.toLowerCase() })),
        { name: 'One machine is enough until', value: `${quantity(plan.oneMachineUntil.value)} ${plan.oneMachineUntil.input}`, note: plan.oneMachineUntil.sentence },
      ])}
      ${plan.advice.map((advice) => html`<div class="note warn">${icons.warn}${advice}</div>`)}
      <div class="plan">
        <div class="plan-side">
        <section class="card" aria-labelledby="assumptions-title">
          <div class="section-head"><h2 id="assumptions-title">Assumptions</h2>
            <button class="button small" ?disabled=${this.set.size === 0} @click=${this.reset}>Reset</button></div>
          <form class="assumptions" @submit=${(e: Event) => e.preventDefault()} autocomplete="off">
            ${plan.lines.filter(isAssumption).map((line) => this.assumption(line))}
          </form>
        </section>
        </div>
        <div class="plan-main">
          <section class="card" aria-labelledby="moves-title">
            <h2 id="moves-title">What moves the bill most</h2>
            <ol class="moves">${plan.sensitivities.slice(0, 3).map((s) => html`<li>
              <div><b>${words(s.input)}</b> <span class="number">${s.elasticity > 0 ? '+' : ''}${s.elasticity.toFixed(2)} %</span></div>
              ${bar([{ share: Math.abs(s.elasticity) / most, tone: '1' }])}
              <span class="quiet">${what.get(s.input)}</span></li>`)}</ol>
            <p class="quiet">Change of the bill for one per cent more of the input.</p>
          </section>
          <section class="card lines-card" aria-labelledby="lines-title">
            <h2 id="lines-title">Line by line</h2>
            ${this.lines(plan)}
            <ul class="notes">${plan.notes.map((note) => html`<li>${note}</li>`)}</ul>
            <p class="quiet">The same plan in a terminal:</p>
            ${copyLine(['./tenfold plan', this.system, ...[...this.set].map(([name, value]) => `--${name} ${value}`)].join(' '), 'The same plan in a terminal')}
          </section>
        </div>
      </div>`;
  }

  private assumption(line: PlanLine) {
    const set = this.set.get(line.name);
    const id = `assume-${line.name}`;
    return html`<div class=${set === null ? 'assume' : 'assume set'}>
      <label for=${id}>${words(line.name)}</label>
      <span class="field"><input id=${id} inputmode="decimal" spellcheck="false" class="number" .value=${set ?? quantity(line.value)} aria-describedby="${id}-why"
        @input=${(e: Event) => this.change(line.name, (e.target as HTMLInputElement).value)}><span class="quiet unit">${unitWords(line.unit)}</span></span>
      <p id="${id}-why" class="quiet">${line.what}</p></div>`;
  }

  private lines(plan: Plan) {
    return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="lines-title"><table class="rows lines stack">
      <thead><tr><th scope="col">Quantity</th><th scope="col">How</th><th scope="col" class="end">Result</th></tr></thead>
      ${sectionsOf(plan).map(([section, lines]) => html`<tbody>
        <tr class="group"><th colspan="3" scope="rowgroup">${section}</th></tr>
        ${lines.map((line) => html`<tr>
          <th scope="row">${words(line.name)}<br><span class="quiet">${line.what}</span></th>
          <td>${line.formula ? html`<code>${line.formula}</code><br><span class="quiet number">= ${line.numbers}</span>` : html`<span class="quiet">${line.source}</span>`}</td>
          <td class="end number"><b>${exact(line.value)}</b> <span class="quiet">${unitWords(line.unit, line.value)}</span></td></tr>`)}</tbody>`)}
    </table></div>`;
  }

  private change(name: string, text: string) {
    if (text.trim()) this.set.set(name, text.trim());
    else this.set.delete(name);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), settleMs);
  }

  private reset() {
    this.set = new URLSearchParams();
    this.ask();
  }

  private ask() {
    rewrite([this.system, 'plan'], this.set);
    void this.plan.load();
  }
}

/** As many digits as a reviewer needs to repeat the arithmetic. */
const exact = (value: number) =>
  new Intl.NumberFormat('en', Math.abs(value) >= 100 ? { maximumFractionDigits: Math.abs(value) >= 1e6 ? 0 : 2 } : { maximumSignificantDigits: 4 }).format(value);

customElements.define('tf-plan', PlanPage);

import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import { count, seconds, time } from '../parts/format';
import { empty, loaded } from '../parts/states';
import { link } from '../shell/router';
import type { Decision, LimitPart } from './decisions';
import { limitWords } from './readable';

const shown = 25;
const everyMs = 3000;

/** The last requests that were refused, newest first, each with its reason. */
class Rejections extends PageElement {
  static override properties = { open: { state: true }, held: { state: true } };
  declare open: string;
  declare held: boolean;
  private readonly decisions: Loader<Decision[]> = new Loader<Decision[]>(
    this,
    async (signal) => (this.held && this.decisions.value) || getJson<Decision[]>(`rate-limiter/decisions?rejected=true&limit=${shown}`, signal),
    { everyMs },
  );

  constructor() {
    super();
    this.open = '';
    this.held = false;
  }

  override render() {
    return html`
      <div class="section-head">
        <h2 id="rejections-title">Last rejections</h2>
        <label class="check"><input type="checkbox" .checked=${!this.held} @change=${this.hold}> Keep up to date</label>
      </div>
      <div class="reserve-table">${loaded(this.decisions, (all) => this.table(all), 8)}</div>`;
  }

  private hold(event: Event) {
    this.held = !(event.target as HTMLInputElement).checked;
    if (!this.held) void this.decisions.load();
  }

  private table(all: Decision[]) {
    if (all.length === 0) return empty('Nobody was refused lately', html`<p>When a limit refuses a request it is listed here with its reason, for as long as the server remembers it.</p>`);
    return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="rejections-title"><table class="rows close">
      <thead><tr><th scope="col">Time</th><th scope="col" class="wide">Rule</th><th scope="col">Key</th><th scope="col" class="end wide">Cost</th><th scope="col" class="end">Retry after</th><th scope="col"><span class="unseen">Reason</span></th></tr></thead>
      <tbody>${all.map((d) => this.row(d))}</tbody></table></div>`;
  }

  private row(decision: Decision) {
    const by = decider(decision);
    const open = this.open === decision.id;
    return html`
      <tr class=${open ? 'opened' : ''}>
        <td class="number">${time(new Date(decision.time))}</td>
        <td class="wide"><span class="clip" title=${by?.rule ?? ''}>${by?.rule ?? '–'}</span></td>
        <td><code class="clip" title=${by?.key ?? ''}>${by?.key || '–'}</code><span class="narrow quiet clip">${by?.rule ?? ''}</span></td>
        <td class="end number wide">${count(by?.cost ?? decision.cost)}</td>
        <td class="end number">${wait(decision.retryAfterSeconds)}</td>
        <td class="end"><button class="button small" aria-expanded=${open} @click=${() => this.show(open ? '' : decision.id)}>Why<span class="unseen"> ${by?.key ?? ''} was refused</span></button></td>
      </tr>
      ${open ? html`<tr class="detail"><td colspan="6">${this.reason(decision)}</td></tr>` : nothing}`;
  }

  private show(id: string) {
    this.open = id;
    // Rows must not slip away while one is being read.
    if (id) this.held = true;
  }

  private reason(decision: Decision) {
    const asked = Object.entries(decision.attributes ?? {});
    return html`
      <ul class="plain">${decision.limits.map((part) => html`<li><b>${part.rule}</b>: ${partWords(part)}</li>`)}</ul>
      ${asked.length ? html`<ul class="chips">${asked.map(([name, value]) => html`<li><span>${name}</span> <code>${value}</code></li>`)}</ul>
        <p><a href=${link(['rate-limiter', 'data'], new URLSearchParams(decision.attributes))}>Ask how it would be decided now</a> <span class="quiet">Decision ${decision.id}</span></p>` : html`<p class="quiet">Decision ${decision.id}</p>`}`;
  }
}

/** The limit that refused: the enforced one with no room that makes one wait longest. */
function decider(decision: Decision): LimitPart | undefined {
  const full = decision.limits.filter((part) => !part.admitted && !part.dryRun);
  return full.sort((a, b) => (b.retryAfterSeconds ?? Infinity) - (a.retryAfterSeconds ?? Infinity))[0] ?? decision.limits[0];
}

export const wait = (after: number | null) => (after === null || after < 0 ? 'never' : after < 0.001 ? 'under 1\u202fms' : seconds(after));

export function partWords(part: LimitPart) {
  const room = part.admitted
    ? `had room: ${count(part.remaining)} left`
    : `had no room for ${count(part.cost)}: ${count(part.remaining)} left, ${part.retryAfterSeconds === null ? 'and waiting alone never helps' : `again in ${wait(part.retryAfterSeconds)}`}`;
  const source = /engine/i.test(part.source) ? '' : ` Decided by ${part.source.replace('-', ' ')}, since the engine did not answer.`;
  return html`<span class="number">${limitWords(part)}</span> for <code>${part.key || 'all together'}</code> ${room}.${part.dryRun ? ' Dry run: does not refuse.' : ''}${source}`;
}

customElements.define('tf-rejections', Rejections);

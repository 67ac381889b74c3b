import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { healthBadge, healthOf } from '../parts/health';
import { icons } from '../parts/icons';
import { tabs } from '../parts/tabs';
import { link } from '../shell/router';
import { systems } from '../shell/systems';
import { limiter } from './history';
import './live';
import './data';
import './lab';
import './plan';
import './runbook';
import './configuration';

const name = 'rate-limiter';
const pages = ['live', 'data', 'lab', 'plan', 'runbook', 'configuration'] as const;
const title = (page: string) => page[0]!.toUpperCase() + page.slice(1);

/** The rate limiter's page: its state on top, then the tabs that every system has. */
class RateLimiter extends PageElement {
  static override properties = { path: { attribute: false }, query: { attribute: false } };
  declare path: string[];
  declare query: URLSearchParams;
  private unsubscribe: (() => void)[] = [];

  override connectedCallback() {
    super.connectedCallback();
    // The stream stays open on every tab of this page, so that the charts have no holes when one comes back to them.
    this.unsubscribe = [systems.subscribe(() => this.requestUpdate()), limiter.subscribe(() => {})];
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.unsubscribe.forEach((stop) => stop());
  }

  override render() {
    const page = pages.find((p) => p === this.path[0]) ?? 'live';
    const state = systems.last?.find((s) => s.name === name);
    document.title = `${title(page)} · Rate limiter · Tenfold`;
    return html`
      <header class="page-head">
        <div class="title-row"><h1>Rate limiter</h1>${state ? healthBadge(state.health) : nothing}
          <span class="engine">${state ? html`<span class="quiet">engine</span> <code>${state.engine}</code>` : '\u00a0'}</span></div>
        ${state?.detail ? html`<p class="note ${healthOf(state.health) === 'unhealthy' ? 'bad' : 'warn'}" role="status">${icons.warn}${state.detail} <a href=${link([name, 'runbook'])}>Open the runbook</a></p>` : nothing}
      </header>
      ${tabs('Rate limiter', pages.map((p) => ({ id: p, title: title(p), href: link([name, p]) })), page)}
      <div id="panel" role="tabpanel" aria-labelledby="tab-${page}" tabindex="0">${this.panel(page)}</div>`;
  }

  private panel(page: (typeof pages)[number]) {
    switch (page) {
      case 'live': return html`<tf-limiter-live></tf-limiter-live>`;
      case 'data': return html`<tf-limiter-data .query=${this.query}></tf-limiter-data>`;
      case 'lab': return html`<tf-lab .system=${name} .record=${this.path[1] ?? ''}></tf-lab>`;
      case 'plan': return html`<tf-plan .system=${name} .query=${this.query}></tf-plan>`;
      case 'runbook': return html`<tf-runbook .system=${name} .section=${this.path[1] ?? ''}></tf-runbook>`;
      case 'configuration': return html`<tf-configuration .query=${this.query} .prefix=${'Tenfold:RateLimiting'}></tf-configuration>`;
    }
  }
}

customElements.define('tf-rate-limiter', RateLimiter);

import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { healthIcon, healthOf } from '../parts/health';
import { icons } from '../parts/icons';
import { hasKey, session, signOut } from '../api/client';
import { link, route, routeChanged, type Route } from './router';
import { linkBadge } from './link-state';
import { setTheme, theme, type Theme } from './theme';
import { systems } from './systems';
import './sign-in';
import '../overview/overview';
import '../rate-limiter/rate-limiter';

/** The frame of every page: brand, systems, connection, theme, and the page that the address names. */
class Console extends PageElement {
  static override properties = { at: { state: true }, signedOut: { state: true }, menu: { state: true } };
  declare at: Route;
  declare signedOut: boolean;
  declare menu: boolean;
  private unsubscribe: (() => void) | undefined;

  constructor() {
    super();
    this.at = route();
    this.signedOut = false;
    this.menu = false;
    routeChanged.addEventListener('change', () => this.moved());
    session.addEventListener('refused', () => (this.signedOut = true));
    session.addEventListener('signed-in', () => (this.signedOut = false));
  }

  override connectedCallback() {
    super.connectedCallback();
    this.unsubscribe = systems.subscribe(() => this.requestUpdate());
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.unsubscribe?.();
  }

  private moved() {
    const page = this.at.path[0];
    this.at = route();
    this.menu = false;
    if (this.at.path[0] === page) return;
    scrollTo(0, 0);
    // A new page: screen readers start at its top, and the Tab key with them.
    void this.updateComplete.then(() => this.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true }));
  }

  override render() {
    return html`
      <a class="skip" href="#main" @click=${this.skip}>Skip to the content</a>
      <header class="top">
        <a class="brand" href="#/" aria-label="Tenfold, overview">
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true"><rect class="mark" width="32" height="32" rx="7"/><path d="M8 24V18M16 24V13M24 24V7" stroke="#fff" stroke-width="4" stroke-linecap="round"/></svg>
          <span>Tenfold</span>
        </a>
        <span class="spring"></span>
        ${linkBadge(this.signedOut ? 'refused' : systems.state)}
        ${hasKey() && !this.signedOut ? html`<button class="button small" @click=${signOut}>Sign out</button>` : nothing}
        ${this.themeSwitch()}
        <button class="button small menu" aria-expanded=${this.menu} aria-controls="nav" @click=${() => (this.menu = !this.menu)}>${icons.menu}<span class="unseen">Menu</span></button>
      </header>
      <nav id="nav" class=${this.menu ? 'side open' : 'side'} aria-label="Systems" @keydown=${this.closeMenu}><div>${this.navigation()}</div></nav>
      <main id="main" tabindex="-1">${this.signedOut ? html`<tf-sign-in></tf-sign-in>` : this.page()}</main>`;
  }

  private navigation() {
    const [page = ''] = this.at.path;
    const known = systems.last;
    const item = (href: string, title: string, current: boolean, mark: unknown) =>
      html`<li><a href=${href} aria-current=${current ? 'page' : nothing}>${mark}<span>${title}</span></a></li>`;
    return html`
      <ul>
        ${item('#/', 'Overview', page === '', html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z" fill="currentColor"/></svg>`)}
      </ul>
      <h2>Systems</h2>
      <ul>
        ${known === undefined ? item('#/rate-limiter/live', 'Rate limiter', page === 'rate-limiter', html`<span class="tone-idle">${icons.none}</span>`) : nothing}
        ${known?.map((s) => item(link([s.name, 'live']), s.title, page === s.name, healthIcon(s.health)))}
      </ul>`;
  }

  private themeSwitch() {
    const chosen = theme();
    return html`
      <label class="theme"><span class="unseen">Colours</span>
        <select @change=${(e: Event) => (setTheme((e.target as HTMLSelectElement).value as Theme), this.requestUpdate())}>
          ${(['auto', 'light', 'dark'] as const).map((t) => html`<option value=${t} ?selected=${t === chosen}>${t[0]!.toUpperCase() + t.slice(1)}</option>`)}
        </select></label>`;
  }

  private page() {
    const [page = '', ...rest] = this.at.path;
    if (page === '') return html`<tf-overview></tf-overview>`;
    if (page === 'rate-limiter') return html`<tf-rate-limiter .path=${rest} .query=${this.at.query}></tf-rate-limiter>`;
    const system = systems.last?.find((s) => s.name === page);
    document.title = 'Not found · Tenfold';
    return html`<div class="blank"><h1>No such page</h1>
      <p>${system ? html`${system.title} is ${healthOf(system.health)}, and has no page of its own yet.` : html`Nothing is at <code>${location.hash}</code>.`}
      <a href="#/">Go to the overview</a>.</p></div>`;
  }

  private skip(event: Event) {
    event.preventDefault();
    this.querySelector<HTMLElement>('#main')!.focus();
  }

  private closeMenu(event: KeyboardEvent) {
    if (event.key !== 'Escape' || !this.menu) return;
    this.menu = false;
    this.querySelector<HTMLElement>('.menu')!.focus();
  }
}

customElements.define('tf-console', Console);

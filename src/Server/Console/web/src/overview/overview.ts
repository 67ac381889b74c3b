import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson, hasKey, shellUrl } from '../api/client';
import type { Info, SystemState } from '../api/types';
import { copyLine } from '../parts/copy';
import { bytes, count, dateTime, figure, protocol, seconds, time, words } from '../parts/format';
import { healthBadge, healthOf } from '../parts/health';
import { icons } from '../parts/icons';
import { loaded, waiting } from '../parts/states';
import { tiles } from '../parts/tiles';
import { linkNotice } from '../shell/link-state';
import { link } from '../shell/router';
import { systems } from '../shell/systems';

/** All systems and their state, the machine they run on, and what to try next. */
class Overview extends PageElement {
  private readonly info = new Loader(this, (signal) => getJson<Info>('info', signal));
  private unsubscribe: (() => void) | undefined;
  private heard = '';

  override connectedCallback() {
    super.connectedCallback();
    document.title = 'Overview · Tenfold';
    this.unsubscribe = systems.subscribe(() => {
      if (systems.state === 'live') this.heard = time(new Date());
      this.requestUpdate();
    });
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.unsubscribe?.();
  }

  override render() {
    const known = systems.last;
    return html`
      <header class="page-head">
        <h1>Overview</h1>
        ${this.verdict(known)}
      </header>
      ${linkNotice(systems.state, this.heard)}
      <section aria-labelledby="systems-title">
        <h2 id="systems-title">Systems</h2>
        ${known ? html`<div class="systems">${known.map((s) => this.system(s))}</div>` : html`<div class="card reserve-system">${waiting(4)}</div>`}
      </section>
      <div class="columns">
        <section class="card" aria-labelledby="try-title">
          <h2 id="try-title">Try next</h2>
          ${this.tryNext(known)}
        </section>
        <section class="card" aria-labelledby="machine-title">
          <h2 id="machine-title">This server</h2>
          ${loaded(this.info, (info) => this.machine(info), 8)}
        </section>
      </div>`;
  }

  private verdict(known: SystemState[] | undefined) {
    if (!known) return html`<p class="verdict quiet">Asking the server …</p>`;
    const ill = known.filter((s) => healthOf(s.health) !== 'healthy');
    if (known.length === 0) return html`<p class="verdict quiet">No system is switched on: see <code>./tenfold up --help</code>.</p>`;
    if (ill.length === 0)
      return html`<p class="verdict"><span class="tone-ok">${icons.ok}</span>${known.length === 1 ? `${known[0]!.title} is healthy.` : `All ${known.length} systems are healthy.`}</p>`;
    return html`<p class="verdict"><span class="tone-warn">${icons.warn}</span>${ill.length} of ${known.length} ${known.length === 1 ? 'system needs' : 'systems need'} a look: ${ill.map((s) => s.title).join(', ')}.</p>`;
  }

  private system(s: SystemState) {
    return html`
      <article class="card system" aria-labelledby="system-${s.name}">
        <header>
          <h3 id="system-${s.name}"><a class="cover" href=${link([s.name, 'live'])}>${s.title}</a></h3>
          ${healthBadge(s.health)}
        </header>
        <p class="promise">${s.promise}</p>
        ${s.detail ? html`<p class="note ${healthOf(s.health) === 'unhealthy' ? 'bad' : 'warn'}">${icons.warn}${s.detail}</p>` : nothing}
        ${tiles(s.figures.map((f) => ({ name: words(f.name.replace(/\/s$/, '')), value: figure(f.value, f.unit) })))}
        <dl class="pairs">
          <div><dt>Engine</dt><dd><code>${s.engine}</code></dd></div>
          ${Object.entries(s.addresses).map(([name, address]) => html`<div><dt>${protocol(name)}</dt><dd><code>${address}</code></dd></div>`)}
        </dl>
      </article>`;
  }

  private machine(info: Info) {
    const up = (Date.now() - Date.parse(info.startedAt)) / 1000;
    return html`<dl class="pairs">
      <div><dt>Version</dt><dd class="number">${info.version}</dd></div>
      <div><dt>Up for</dt><dd class="number">${seconds(Math.max(0, up))} <span class="quiet">since ${dateTime(new Date(info.startedAt))}</span></dd></div>
      <div><dt>Machine</dt><dd class="number">${count(info.machine.processors)} processors, ${bytes(info.machine.memoryBytes)}</dd></div>
      <div><dt>System</dt><dd>${info.machine.os}</dd></div>
      <div><dt>Data (kept)</dt><dd><code>${info.dataDirectory}</code></dd></div>
      ${Object.entries(info.addresses).map(([name, address]) => html`<div><dt>${protocol(name)}</dt><dd><code>${address}</code></dd></div>`)}
    </dl>`;
  }

  private tryNext(known: SystemState[] | undefined) {
    const key = hasKey() ? ' -H "Authorization: Bearer $TENFOLD_API_KEY"' : '';
    const resp = known?.flatMap((s) => Object.entries(s.addresses)).find(([name]) => /resp|redis/i.test(name))?.[1];
    const [, host, port] = /^(?:\w+:\/\/)?(\[.+\]|[^:/]+):(\d+)/.exec(resp ?? '') ?? [];
    return html`<ol class="steps">
      <li><p>Ask for one permit of five in ten seconds. Repeat it: the sixth is refused, with the time to wait.</p>
        ${copyLine(`curl -i${key} "${shellUrl('rate-limiter/acquire?key=alice&limit=5/10s')}"`, 'Ask for one permit')}</li>
      ${port && port !== '0' ? html`<li><p>The same over the Redis protocol, with any Redis client.</p>
        ${copyLine(`redis-cli -h ${host} -p ${port} CL.THROTTLE alice 5 5 10 1`, 'Ask over the Redis protocol')}</li>` : nothing}
      <li><p>Put real load and real faults on it, and see its promises checked.</p>
        ${copyLine('./tenfold lab rate-limiter', 'Run the lab')}</li>
      <li><p>What would a hundred million users take, and cost?</p>
        ${copyLine('./tenfold plan rate-limiter --users 100M', 'Plan a fleet')}</li>
    </ol>`;
  }
}

customElements.define('tf-overview', Overview);

import { html } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import type { ConfigurationValue } from '../api/types';
import { count } from '../parts/format';
import { empty, loaded } from '../parts/states';

const shown = 500;

/** The values in effect, each with where it was set. */
class Configuration extends PageElement {
  static override properties = { prefix: {}, query: { attribute: false }, search: { state: true }, all: { state: true } };
  declare prefix: string;
  declare query: URLSearchParams;
  declare search: string;
  declare all: boolean;
  private readonly values = new Loader(this, (signal) => getJson<ConfigurationValue[]>('configuration', signal));

  constructor() {
    super();
    this.search = '';
    this.all = false;
  }

  override connectedCallback() {
    super.connectedCallback();
    this.search = this.query?.get('search') ?? '';
  }

  override render() {
    return html`<section class="card" aria-labelledby="configuration-title">
      <div class="section-head">
        <h2 id="configuration-title">Values in effect</h2>
        <label class="search"><span class="unseen">Search</span><input type="search" placeholder="Search" .value=${this.search} @input=${(e: Event) => (this.search = (e.target as HTMLInputElement).value)}></label>
        <label class="check"><input type="checkbox" .checked=${this.all} @change=${(e: Event) => (this.all = (e.target as HTMLInputElement).checked)}> Whole server</label>
      </div>
      <div class="reserve-table">${loaded(this.values, (values) => this.table(values), 10)}</div>
    </section>`;
  }

  private table(values: ConfigurationValue[]) {
    const settings = values.filter(isSetting(values));
    const mine = this.all ? settings : settings.filter((v) => v.path.toLowerCase().startsWith(this.prefix.toLowerCase()));
    const word = this.search.trim().toLowerCase();
    const found = mine.filter((v) => `${v.path} ${v.value} ${v.source}`.toLowerCase().includes(word));
    const note = html`<p class="quiet" role="status">${found.length > shown ? `The first ${count(shown)} of ` : ''}${count(found.length)} of ${count(mine.length)} values</p>`;
    if (found.length === 0)
      return html`${note}${empty(word ? 'No value has these words' : 'All values are the defaults', word
        ? html`<p>Search for a part of a path, a value or a source.</p>`
        : html`<p>Set one in <code>tenfold.json</code> under <code>${this.prefix}</code>, in the environment, or on the command line; <code>./tenfold config defaults</code> lists them all.</p>`)}`;
    const short = (path: string) => (this.all ? path : path.slice(this.prefix.length).replace(/^:/, '') || path);
    return html`${note}<div class="scroll" tabindex="0" role="group" aria-labelledby="configuration-title"><table class="rows stack">
      <thead><tr><th scope="col">${this.all ? 'Path' : html`${this.prefix}:…`}</th><th scope="col">Value</th><th scope="col">Set by</th></tr></thead>
      <tbody>${found.slice(0, shown).map((v) => html`<tr><th scope="row"><code>${breakable(short(v.path))}</code></th><td><code class="value">${v.value ?? ''}</code></td>
        <td class=${/default/i.test(v.source) ? 'quiet' : ''}>${v.source}</td></tr>`)}</tbody></table></div>`;
  }
}

/** Sections hold settings and have no value of their own. */
function isSetting(values: ConfigurationValue[]) {
  const sections = new Set(values.map((v) => v.path.slice(0, v.path.lastIndexOf(':'))));
  return (v: ConfigurationValue) => Boolean(v.value) || !sections.has(v.path);
}

/** Lets a long path break after its colons. */
const breakable = (path: string) => path.split(':').map((part, i) => (i ? html`:<wbr>${part}` : part));

customElements.define('tf-configuration', Configuration);

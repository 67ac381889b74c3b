import { html, nothing, type PropertyValues } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import type { Runbook } from '../api/types';
import { safeFragment, type Heading } from '../parts/safe-html';
import { loaded } from '../parts/states';
import { link } from '../shell/router';

const urgent = ['Runbook', 'Failure modes', 'Metrics', 'Limits'];

/** The system's runbook, with its contents beside it. `#/rate-limiter/runbook/<section>` opens at a section. */
class RunbookPage extends PageElement {
  static override properties = { system: {}, section: {} };
  declare system: string;
  declare section: string;
  private shown: { html: string; page: HTMLElement; headings: Heading[] } | undefined;
  private readonly book = new Loader(this, (signal) => getJson<Runbook>(`runbooks/${this.system}`, signal));

  override render() {
    return html`<section class="card">${loaded(this.book, (book) => this.page(book), 14)}</section>`;
  }

  private page(book: Runbook) {
    if (this.shown?.html !== book.html) this.shown = urgentFirst(book.html, safeFragment(book.html, (id) => link([this.system, 'runbook', id])));
    const top = this.shown!.headings.filter((h) => h.level === 2);
    return html`<div class="book">
      ${top.length > 1 ? html`<nav aria-label="In this runbook"><ul>${top.map((h) => html`<li><a href=${link([this.system, 'runbook', h.id])} aria-current=${h.id === this.section ? 'location' : nothing}>${h.text}</a></li>`)}</ul></nav>` : nothing}
      <article class="prose">${this.shown!.page}</article>
    </div>`;
  }

  protected override updated(changed: PropertyValues) {
    if (this.section && (changed.has('section') || this.fresh)) {
      const target = this.querySelector(`#${CSS.escape(this.section)}`);
      target?.scrollIntoView();
      this.fresh = !target;
    }
  }

  private fresh = true;
}

/** The system's page as it is written, but with what one opens at three in the morning on top. */
function urgentFirst(source: string, { page, headings }: { page: HTMLElement; headings: Heading[] }) {
  const sections: HTMLElement[][] = [[]];
  for (const node of [...page.children] as HTMLElement[]) {
    if (node.localName === 'h2') sections.push([]);
    sections.at(-1)!.push(node);
  }
  const rank = (heading: string | undefined | null) => (urgent.indexOf(heading ?? '') + urgent.length + 1) % (urgent.length + 1);
  const [top, ...rest] = sections;
  rest.sort((a, b) => rank(a[0]!.textContent) - rank(b[0]!.textContent));
  page.replaceChildren(...top!, ...rest.flat());
  const order = (h: Heading) => [...page.children].findIndex((node) => node.id === h.id);
  return { html: source, page, headings: headings.sort((a, b) => order(a) - order(b)) };
}

customElements.define('tf-runbook', RunbookPage);

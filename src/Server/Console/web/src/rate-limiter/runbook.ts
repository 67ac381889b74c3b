import { html, nothing, type PropertyValues } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getJson } from '../api/client';
import type { Runbook } from '../api/types';
import { safeFragment, type Heading } from '../parts/safe-html';
import { loaded } from '../parts/states';
import { link } from '../shell/router';

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
    if (this.shown?.html !== book.html) this.shown = { html: book.html, ...safeFragment(book.html, (id) => link([this.system, 'runbook', id])) };
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

customElements.define('tf-runbook', RunbookPage);

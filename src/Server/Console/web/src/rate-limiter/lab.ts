import { html, nothing } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { apiUrl, getJson, hasKey } from '../api/client';
import type { LabRecord } from '../api/types';
import { copyLine } from '../parts/copy';
import { dateTime, seconds } from '../parts/format';
import { icons } from '../parts/icons';
import { empty, loaded } from '../parts/states';
import { link } from '../shell/router';
import './report';

const everyMs = 10_000;

/** The lab's records of this system: verdict and headline, and the report itself, opened in place. */
class Lab extends PageElement {
  static override properties = { system: {}, record: {} };
  declare system: string;
  declare record: string;
  private readonly records = new Loader(this, (signal) => getJson<LabRecord[]>('lab/records', signal), { everyMs });

  override render() {
    return loaded(this.records, (all) => this.list(all.filter((r) => r.scenario.startsWith(this.system))), 6);
  }

  private list(all: LabRecord[]) {
    if (all.length === 0)
      return html`<section class="card"><h2 class="unseen">Lab records</h2>${empty('The lab has not run here yet', html`
        <p>The lab puts real load and real faults on a running system, checks its promises all the while, and leaves a report. It takes about two minutes:</p>
        ${copyLine(`./tenfold lab ${this.system}`, 'Run the lab')}
        <p>This page shows the report when it is done. The planner takes its measured figures from it.</p>`)}</section>`;
    const newest = [...all].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
    const open = newest.find((r) => r.id === this.record);
    return html`
      <section class="card" aria-labelledby="records-title">
        <h2 id="records-title">Lab records</h2>
        <div class="scroll" tabindex="0" role="group" aria-labelledby="records-title"><table class="rows tall stack">
          <thead><tr><th scope="col">Verdict</th><th scope="col">Scenario</th><th scope="col">Result</th><th scope="col">Started</th><th scope="col" class="end">Took</th></tr></thead>
          <tbody>${newest.map((r) => html`<tr class=${r === open ? 'opened' : ''}>
            <td>${verdict(r.verdict)}</td>
            <th scope="row"><a href=${link([this.system, 'lab', r.id])} aria-current=${r === open ? 'true' : nothing}>${r.scenario}</a></th>
            <td>${r.headline}</td>
            <td class="number">${dateTime(new Date(r.startedAt))}</td>
            <td class="end number">${seconds(r.durationSeconds)}</td></tr>`)}</tbody>
        </table></div>
        <p class="quiet">Run it again: <code>./tenfold lab ${this.system}</code></p>
      </section>
      ${this.record ? this.report(open) : nothing}`;
  }

  private report(open: LabRecord | undefined) {
    if (!open) return html`<section class="card"><h2 class="unseen">Report</h2>${empty('No such record', html`<p><code>${this.record}</code> is not in this data directory. <a href=${link([this.system, 'lab'])}>See all records</a>.</p>`)}</section>`;
    const path = `lab/records/${encodeURIComponent(open.id)}`;
    return html`<section class="card" aria-labelledby="report-title">
      <div class="section-head"><h2 id="report-title">Report of ${dateTime(new Date(open.startedAt))}</h2>
        ${hasKey() ? nothing : html`<a href=${apiUrl(`${path}/report`).href} target="_blank" rel="noopener">Open alone ${icons.external}</a> <a href=${apiUrl(path).href} target="_blank" rel="noopener">JSON ${icons.external}</a>`}
        <a href=${link([this.system, 'lab'])}>Close</a></div>
      <tf-report .path=${`${path}/report`} .label=${`Lab report ${open.id}`}></tf-report>
    </section>`;
  }
}

const verdict = (text: string) =>
  text.toLowerCase() === 'kept'
    ? html`<span class="badge ok">${icons.ok}Kept</span>`
    : html`<span class="badge bad">${icons.bad}${text.toLowerCase() === 'broken' ? 'Broken' : text}</span>`;

customElements.define('tf-lab', Lab);

import { html, type PropertyValues } from 'lit';
import uPlot from 'uplot';
import { PageElement } from './element';
import { themeChanged } from '../shell/theme';
import { time } from './format';

export interface ChartLine {
  label: string;
  /** A colour of the sheet, by its custom property: `--series-1`. */
  colour: string;
  dash?: number[];
  fill?: boolean;
}

const heightPx = 220;

/** A logarithmic axis names whole powers of ten only; the times on the other axis all pass. */
const wholePowersOrTimes = (plot: uPlot, at: number[], axis: number) => (axis === 0 ? at : wholePowers(plot, at));
const wholePowers = (_: uPlot, at: number[]) => at.map((v) => (Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-6 ? v : null)) as number[];

/**
 * Lines over the last minutes. Under the drawing: a legend with the value under the pointer (or the last), and the same
 * numbers as a table for who cannot see or would rather read.
 */
class TimeChart extends PageElement {
  static override properties = { data: { attribute: false }, lines: { attribute: false }, format: { attribute: false }, label: {}, summary: {}, log: { type: Boolean }, spanSeconds: { type: Number }, at: { state: true }, listed: { state: true } };
  declare data: (number | null)[][];
  declare lines: ChartLine[];
  declare format: (value: number) => string;
  declare label: string;
  declare summary: string;
  declare log: boolean;
  declare spanSeconds: number;
  declare at: number | null;
  declare listed: boolean;
  private plot: uPlot | undefined;
  private size: ResizeObserver | undefined;
  private readonly restyle = () => this.rebuild();

  constructor() {
    super();
    this.spanSeconds = 300;
    this.at = null;
  }

  override connectedCallback() {
    super.connectedCallback();
    themeChanged.addEventListener('change', this.restyle);
    if (this.hasUpdated) this.rebuild();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    themeChanged.removeEventListener('change', this.restyle);
    this.size?.disconnect();
    this.plot?.destroy();
    this.plot = undefined;
  }

  override render() {
    const at = this.at ?? this.data[0]!.length - 1;
    return html`
      <figure>
        <figcaption>
          <h2>${this.label}</h2>
          <span class="moment number">${this.at === null ? 'now' : time(new Date(this.data[0]![at]! * 1000))}</span>
          <ul class="legend">
            ${this.lines.map((line, i) => {
              const value = this.data[i + 1]?.[at];
              return html`<li><svg class="key" width="16" height="10" aria-hidden="true"><line class="stroke${line.colour}" x1="0" y1="5" x2="16" y2="5" stroke-width="3" stroke-dasharray=${line.dash?.join(' ') ?? 'none'}/></svg>
                <span>${line.label}</span> <b class="number">${value == null ? '–' : this.format(value)}</b></li>`;
            })}
          </ul>
        </figcaption>
        <div class="plot" role="img" aria-label="${this.label}. ${this.summary}"></div>
        <details @toggle=${(e: Event) => (this.listed = (e.target as HTMLDetailsElement).open)}>
          <summary>As a table</summary>${this.listed ? this.table() : ''}
        </details>
      </figure>`;
  }

  private table() {
    const stamps = this.data[0]!;
    const rows: number[] = [];
    for (let i = stamps.length - 1; i >= 0 && rows.length < 12; i--)
      if (this.data[1]?.[i] != null && (rows.length === 0 || stamps[rows.at(-1)!]! - stamps[i]! >= 5)) rows.push(i);
    return html`<div class="scroll" tabindex="0" role="group" aria-label="${this.label}, as a table"><table>
      <thead><tr><th scope="col">Time</th>${this.lines.map((l) => html`<th scope="col" class="end">${l.label}</th>`)}</tr></thead>
      <tbody>${rows.map((i) => html`<tr><td class="number">${time(new Date(stamps[i]! * 1000))}</td>
        ${this.lines.map((_, n) => html`<td class="end number">${this.data[n + 1]?.[i] == null ? '–' : this.format(this.data[n + 1]![i]!)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
  }

  protected override firstUpdated() {
    this.rebuild();
  }

  protected override updated(changed: PropertyValues) {
    if (changed.has('data') && this.plot && changed.size > 0) this.plot.setData(this.data as uPlot.AlignedData);
  }

  /** The last five minutes; while fewer are known, the last whole minutes that are, so that the drawing is not all blank. */
  private span(): [number, number] {
    const stamps = this.data[0]!;
    const end = stamps.at(-1) ?? Date.now() / 1000;
    const known = Math.ceil((end - (stamps[0] ?? end)) / 60) * 60;
    return [end - Math.min(this.spanSeconds, Math.max(60, known)), end];
  }

  private rebuild() {
    const target = this.querySelector<HTMLElement>('.plot');
    if (!target) return;
    this.plot?.destroy();
    this.size?.disconnect();
    this.plot = new uPlot(this.options(target.clientWidth || 320), this.data as uPlot.AlignedData, target);
    this.size = new ResizeObserver(() => this.plot?.setSize({ width: target.clientWidth, height: heightPx }));
    this.size.observe(target);
  }

  private options(width: number): uPlot.Options {
    const sheet = getComputedStyle(this);
    const colour = (name: string) => sheet.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: colour('--ink-muted'),
      grid: { stroke: colour('--line-faint'), width: 1, ...(this.log ? { filter: wholePowersOrTimes } : {}) },
      ticks: { show: false },
      font: `11px ${sheet.fontFamily}`,
    };
    return {
      width,
      height: heightPx,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => this.span() },
        y: this.log
          ? { distr: 3, log: 10, range: (_, low, high) => [10 ** Math.floor(Math.log10(Math.max(low || 1e-6, 1e-9))), 10 ** Math.ceil(Math.log10(Math.max(high || 1e-3, 1e-8)) + 0.001)] }
          : { range: (_, __, high) => [0, Math.max(1, (high || 0) * 1.12)] },
      },
      axes: [
        { ...axis, space: 90, values: (_, at) => at.map((t) => time(new Date(t * 1000))), size: 28 },
        { ...axis, size: 64, space: 36, ...(this.log ? { filter: wholePowers } : {}), values: (_, at) => at.map((v) => (v == null ? '' : this.format(v).replace(/\.0+(?=\D|$)/, ''))) },
      ],
      series: [
        {},
        ...this.lines.map((line) => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 1.75,
          ...(line.dash ? { dash: line.dash } : {}),
          ...(line.fill ? { fill: colour(`${line.colour}-fill`) } : {}),
          points: { show: false },
          spanGaps: false,
        })),
      ],
      hooks: { setCursor: [(plot) => (this.at = plot.cursor.idx ?? null)] },
    };
  }
}

customElements.define('tf-chart', TimeChart);

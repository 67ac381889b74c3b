import { html, nothing } from 'lit';

export interface Tile {
  name: string;
  value: string | undefined;
  note?: string | undefined;
  tone?: 'ok' | 'warn' | 'bad' | undefined;
}

/** The few figures that matter first. An unknown one keeps its place. */
export const tiles = (all: Tile[]) => html`
  <dl class="tiles">
    ${all.map((tile) => html`<div class=${tile.tone ? `tile ${tile.tone}` : 'tile'}>
      <dt>${tile.name}</dt>
      <dd><span class="figure number">${tile.value ?? '–'}</span>${tile.note === undefined ? nothing : html`<span class="note number">${tile.note || '\u00a0'}</span>`}</dd>
    </div>`)}
  </dl>`;

import { svg } from 'lit';

/** A share as a bar; SVG, since the page's policy forbids inline styles. The number beside it says the same. */
export const bar = (parts: { share: number; tone: string }[]) => {
  let at = 0;
  return svg`<svg class="bar" width="100%" height="6" aria-hidden="true" focusable="false">
    <rect class="track" width="100%" height="6" rx="3"/>
    ${parts.map(({ share, tone }) => {
      const from = at;
      const width = Math.max(0, Math.min(1 - at, Number.isFinite(share) ? share : 0));
      at += width;
      return svg`<rect class="fill-${tone}" x="${100 * from}%" width="${100 * width}%" height="6" rx="3"/>`;
    })}
  </svg>`;
};

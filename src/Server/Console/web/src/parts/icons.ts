import { svg, type TemplateResult } from 'lit';

// Each state has its shape as well as its colour.
const icon = (content: TemplateResult) =>
  svg`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${content}</svg>`;

export const icons = {
  ok: icon(svg`<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="M4.8 8.3l2.2 2.2 4.2-4.6" fill="none" stroke="var(--icon-cut)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`),
  warn: icon(svg`<path d="M8 1.2l7 12.6H1z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/><path d="M8 6v3.6M8 11.8v.1" stroke="var(--icon-cut)" stroke-width="1.8" stroke-linecap="round"/>`),
  bad: icon(svg`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor"/><path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" stroke="var(--icon-cut)" stroke-width="1.8" stroke-linecap="round"/>`),
  none: icon(svg`<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2.3"/>`),
  copy: icon(svg`<rect x="5.5" y="5.5" width="8.5" height="9" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.4"/><path d="M10.5 3.2V3A1.5 1.5 0 0 0 9 1.5H3.5A1.5 1.5 0 0 0 2 3v6.5A1.5 1.5 0 0 0 3.2 11" fill="none" stroke="currentColor" stroke-width="1.4"/>`),
  check: icon(svg`<path d="M2.8 8.6l3.4 3.4 7-7.6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>`),
  plus: icon(svg`<path d="M8 3v10M3 8h10" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/>`),
  remove: icon(svg`<path d="M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`),
  menu: icon(svg`<path d="M2 4h12M2 8h12M2 12h12" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/>`),
  external: icon(svg`<path d="M6.5 3H3v10h10V9.500M9.500 2.500h4v4M13.200 2.800L7.500 8.500" fill="none" stroke="currentColor" stroke-width="1.500" stroke-linecap="round" stroke-linejoin="round"/>`),
};

import { html } from 'lit';

export interface Tab {
  id: string;
  title: string;
  href: string;
}

/** Tabs after the WAI-ARIA practice: one stop for the Tab key, arrows, Home and End move and open. Each is also a link. */
export function tabs(label: string, all: Tab[], current: string) {
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const list = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLAnchorElement>('[role=tab]')];
    const from = list.indexOf(document.activeElement as HTMLAnchorElement);
    const to = Math.abs(step) === 1 ? (from + step + list.length) % list.length : step < 0 ? 0 : list.length - 1;
    list[to]!.focus();
    list[to]!.click();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== ' ') return;
    event.preventDefault();
    (event.target as HTMLElement).click();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} @keydown=${(e: KeyboardEvent) => (move(e), press(e))}>
      ${all.map((tab) => html`<a role="tab" id="tab-${tab.id}" href=${tab.href} aria-controls="panel"
        aria-selected=${tab.id === current} tabindex=${tab.id === current ? 0 : -1}>${tab.title}</a>`)}
    </div>`;
}

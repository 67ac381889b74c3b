// Follows the system unless the user chose. The choice is kept for this browser.
export type Theme = 'auto' | 'light' | 'dark';

const storageKey = 'tenfold-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Tells `change` when colours change, for what is drawn on a canvas. */
export const themeChanged = new EventTarget();

export function theme(): Theme {
  const kept = localStorage.getItem(storageKey);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

export function setTheme(choice: Theme) {
  if (choice === 'auto') localStorage.removeItem(storageKey);
  else localStorage.setItem(storageKey, choice);
  apply();
}

function apply() {
  const choice = theme();
  document.documentElement.dataset.theme = choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
  themeChanged.dispatchEvent(new Event('change'));
}

dark.addEventListener('change', apply);
apply();

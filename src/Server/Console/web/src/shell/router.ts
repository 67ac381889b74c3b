// Deep links live in the fragment, so that the console works at any path and behind any proxy:
// #/rate-limiter/plan?users=1e6 -> { path: ['rate-limiter', 'plan'], query }
export interface Route {
  path: string[];
  query: URLSearchParams;
}

export const routeChanged = new EventTarget();

export function route(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(Boolean).map(safeDecode), query: new URLSearchParams(query) };
}

export function link(path: string[], query?: URLSearchParams): string {
  const tail = query?.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${tail ? `?${tail}` : ''}`;
}

/** Changes the address without a new entry in the history: for forms whose state belongs in the link. */
export function rewrite(path: string[], query?: URLSearchParams) {
  history.replaceState(null, '', link(path, query));
}

addEventListener('hashchange', () => routeChanged.dispatchEvent(new Event('change')));

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

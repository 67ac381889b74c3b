// Calls of the JSON API. The key, where the server wants one, lives in sessionStorage only: this tab, until it closes.
const storageKey = 'tenfold-api-key';

const apiRoot = new URL(
  document.querySelector<HTMLMetaElement>('meta[name="tenfold-api"]')?.content ?? 'api/',
  new URL('.', location.href),
);

/** Tells of `signed-in` and `refused` (a call was answered with 401: ask for a key). */
export const session = new EventTarget();

export const hasKey = () => sessionStorage.getItem(storageKey) !== null;

export function signIn(key: string) {
  sessionStorage.setItem(storageKey, key);
  session.dispatchEvent(new Event('signed-in'));
}

export function signOut() {
  sessionStorage.removeItem(storageKey);
  session.dispatchEvent(new Event('refused'));
}

/** An answer that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly hint: string) {
    super(message);
  }
}

export const apiUrl = (path: string) => new URL(path, apiRoot);

/** What a user would type for this API in a terminal. */
export const shellUrl = (path: string) => apiUrl(path).href;

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const key = sessionStorage.getItem(storageKey);
  if (key && !headers.has('Authorization')) headers.set('Authorization', `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(apiUrl(path), { ...init, headers, credentials: 'omit', cache: 'no-store' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'The server does not answer.', 'Is it running? Start it with ./tenfold up; this page reconnects by itself.');
  }
  if (response.status === 401) session.dispatchEvent(new Event('refused'));
  return response;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return read<T>(await request(path, { signal: signal ?? null, headers: { Accept: 'application/json' } }));
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return read<T>(
    await request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: signal ?? null,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    }),
  );
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await request(path, { signal: signal ?? null });
  if (!response.ok) throw await failure(response);
  return response.text();
}

async function read<T>(response: Response): Promise<T> {
  if (!response.ok) throw await failure(response);
  return (await response.json()) as T;
}

/** Reads problem+json (RFC 9457); other bodies give the status only. */
async function failure(response: Response): Promise<ApiError> {
  const problem = await response.json().catch(() => ({}));
  const errors = problem.errors ? Object.values(problem.errors).flat().join(' ') : '';
  const status = `The server answered ${response.status} ${response.statusText}`.trim();
  // Without a type of its own, a problem's title only repeats the status: the detail says what happened.
  const plain = !problem.type || problem.type === 'about:blank' || problem.type.startsWith('https://tools.ietf.org/');
  return plain && problem.detail
    ? new ApiError(response.status, problem.detail, errors)
    : new ApiError(response.status, problem.title ?? status, [problem.detail, errors].filter(Boolean).join(' '));
}

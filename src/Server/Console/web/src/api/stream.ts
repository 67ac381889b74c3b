// Server-sent events over fetch: EventSource can send no key. Reconnects with jittered backoff, and says when what it last
// told is stale. A hidden page lets go of its connections (a browser has six for all tabs) and takes them again when shown.
import { request, session } from './client';

export type LinkState = 'connecting' | 'live' | 'stale' | 'offline' | 'refused';

const staleAfterMs = 3500;
const hiddenAfterMs = 15_000;
const firstRetryMs = 500;
const longestRetryMs = 8000;

export class LiveStream<T> {
  state: LinkState = 'connecting';
  last: T | undefined;
  private listeners = new Set<() => void>();
  private stop: AbortController | undefined;
  private watch = 0;
  private hide = 0;
  private heardAt = 0;
  private fresh = true;

  /** @param firstIsBlank The first event after connecting tells of no time at all, so it is not worth keeping what it replaces. */
  constructor(
    private readonly path: string,
    private readonly event: string,
    private readonly options: { heard?: (value: T) => void; firstIsBlank?: boolean } = {},
  ) {
    document.addEventListener('visibilitychange', () => this.visibility());
    session.addEventListener('signed-in', () => this.restart());
  }

  /** Calls `listener` at each event and change of state, until the returned function is called. The first listener opens the stream. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    if (!this.stop) this.open();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.close();
    };
  }

  private open() {
    const stop = (this.stop = new AbortController());
    this.heardAt = performance.now();
    this.watch = window.setInterval(() => {
      if ((this.state === 'live' || this.state === 'connecting') && performance.now() - this.heardAt > staleAfterMs) this.become('stale');
    }, 500);
    void this.run(stop.signal);
  }

  private close() {
    this.stop?.abort();
    this.stop = undefined;
    clearInterval(this.watch);
  }

  private restart() {
    if (!this.stop) return;
    this.close();
    this.become('connecting');
    this.open();
  }

  private visibility() {
    clearTimeout(this.hide);
    if (document.hidden) this.hide = window.setTimeout(() => this.close(), hiddenAfterMs);
    else if (!this.stop && this.listeners.size > 0) this.open();
  }

  private become(state: LinkState) {
    if (this.state === state && state !== 'live') return;
    this.state = state;
    for (const listener of this.listeners) listener();
  }

  private async run(signal: AbortSignal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const response = await request(this.path, { signal, headers: { Accept: 'text/event-stream' } });
        if (response.status === 401) return this.become('refused');
        if (response.ok && response.body) {
          this.fresh = true;
          await this.read(response.body, () => (failures = 0));
        }
      } catch {
        if (signal.aborted) return;
      }
      this.become('offline');
      await pause(retryMs(failures++), signal);
    }
  }

  private async read(body: ReadableStream<Uint8Array>, worked: () => void) {
    const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value.replaceAll('\r', '');
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        if (this.take(rest.slice(0, end))) worked();
        rest = rest.slice(end + 2);
      }
    }
  }

  private take(frame: string): boolean {
    let event = 'message';
    const data: string[] = [];
    for (const line of frame.split('\n')) {
      if (line.startsWith('event:')) event = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    }
    if (event !== this.event || data.length === 0) return false;
    const value = JSON.parse(data.join('\n')) as T;
    this.heardAt = performance.now();
    const blank = this.fresh && this.options.firstIsBlank;
    this.fresh = false;
    if (!blank || this.last === undefined) this.last = value;
    if (!blank) this.options.heard?.(value);
    this.become('live');
    return true;
  }
}

/** Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), with a floor so that a dead server is not hammered. */
function retryMs(failures: number): number {
  const ceiling = Math.min(longestRetryMs, firstRetryMs * 2 ** failures);
  return firstRetryMs / 2 + Math.random() * ceiling;
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
  });

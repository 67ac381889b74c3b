import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { ApiError, session } from './client';

/** Loads a value for an element and redraws it; keeps the last value while loading anew. */
export class Loader<T> implements ReactiveController {
  value: T | undefined;
  error: ApiError | undefined;
  loading = false;
  private stop: AbortController | undefined;
  private readonly again = () => void this.load();

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly task: (signal: AbortSignal) => Promise<T>,
    private readonly options: { everyMs?: number; manual?: boolean } = {},
  ) {
    host.addController(this);
  }

  private timer = 0;

  hostConnected() {
    session.addEventListener('signed-in', this.again);
    if (!this.options.manual) void this.load();
    if (this.options.everyMs) this.timer = window.setInterval(() => !document.hidden && !this.loading && void this.load(), this.options.everyMs);
  }

  hostDisconnected() {
    session.removeEventListener('signed-in', this.again);
    clearInterval(this.timer);
    this.stop?.abort();
  }

  async load(): Promise<void> {
    this.stop?.abort();
    const { signal } = (this.stop = new AbortController());
    this.loading = true;
    this.host.requestUpdate();
    try {
      this.value = await this.task(signal);
      this.error = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(-1, 'This page could not read the answer.', String(error));
    }
    this.loading = false;
    this.host.requestUpdate();
  }
}

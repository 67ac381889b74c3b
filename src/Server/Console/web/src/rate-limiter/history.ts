import { LiveStream } from '../api/stream';
import type { LimiterLive } from '../api/types';

const keptSeconds = 300;
const gapSeconds = 3;
const empty = (): (number | null)[][] => [[], [], [], []];

/** The last minutes of the limiter, for the charts: seconds since 1970, then one row a line. Missing seconds stay missing. */
export class LimiterHistory {
  rates: (number | null)[][] = empty();
  latencies: (number | null)[][] = empty();

  add(live: LimiterLive) {
    const at = Date.parse(live.time) / 1000;
    const last = this.rates[0]!.at(-1) ?? at;
    // A server with another clock, or one restarted in the past: begin anew rather than draw backwards.
    if (at < last) this.rates = this.latencies = empty();
    const { p50, p99, p999 } = live.latencySeconds;
    // No decisions, no latency: a line at zero would lie, and a logarithm has none.
    const known = (seconds: number) => (seconds > 0 && live.decisionsPerSecond > 0 ? seconds : null);
    const gap = at - last > gapSeconds;
    this.rates = extend(this.rates, at, [live.admittedPerSecond, live.rejectedPerSecond, live.unavailablePerSecond], gap);
    this.latencies = extend(this.latencies, at, [known(p50), known(p99), known(p999)], gap);
  }
}

function extend(rows: (number | null)[][], at: number, values: (number | null)[], gap: boolean): (number | null)[][] {
  const next = rows.map((row) => row.slice());
  if (gap) {
    next[0]!.push(at - 1);
    values.forEach((_, i) => next[i + 1]!.push(null));
  }
  next[0]!.push(at);
  values.forEach((value, i) => next[i + 1]!.push(value));
  const from = next[0]!.findIndex((t) => t! >= at - keptSeconds);
  return from > 0 ? next.map((row) => row.slice(from)) : next;
}

export const history = new LimiterHistory();
export const limiter = new LiveStream<LimiterLive>('rate-limiter/live', 'live', { heard: (live) => history.add(live), firstIsBlank: true });

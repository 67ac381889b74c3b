// Numbers for people: three significant digits where they move, exact where they count, always with a unit.
const thin = '\u202f';
const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) < 1e6) return Math.abs(value) < 10 && value % 1 !== 0 ? value.toFixed(1) : grouped.format(value);
  const [scale, name] = Math.abs(value) < 1e9 ? [1e6, 'M'] : Math.abs(value) < 1e12 ? [1e9, 'G'] : [1e12, 'T'];
  return `${(value / scale).toPrecision(3)}${thin}${name}`;
}

export const rate = (value: number) => `${count(value)}/s`;

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return `0${thin}s`;
  const size = Math.abs(value);
  if (size < 1e-6) return `${significant(value * 1e9)}${thin}ns`;
  if (size < 1e-3) return `${significant(value * 1e6)}${thin}µs`;
  if (size < 1) return `${significant(value * 1e3)}${thin}ms`;
  if (size < 120) return `${significant(value)}${thin}s`;
  if (size < 7200) return `${Math.floor(value / 60)}${thin}min ${Math.round(value % 60)}${thin}s`;
  if (size < 172_800) return `${Math.floor(value / 3600)}${thin}h ${Math.floor((value % 3600) / 60)}${thin}min`;
  return `${Math.floor(value / 86_400)}${thin}d ${Math.floor((value % 86_400) / 3600)}${thin}h`;
}

/** A period as people say it in a limit: `second`, `10 seconds`, `minute`, `hour`. */
export function period(value: number): string {
  for (const [size, name] of [[86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']] as const) {
    if (value % size === 0 && value >= size) return value === size ? name : `${count(value / size)} ${name}s`;
  }
  return seconds(value);
}

export function bytes(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let step = 0;
  while (value >= 1024 && step < names.length - 1) {
    value /= 1024;
    step++;
  }
  return `${step === 0 ? value : significant(value)}${thin}${names[step]}`;
}

export const percent = (part: number, whole: number) =>
  whole > 0 ? `${significant((100 * part) / whole)}${thin}%` : `0${thin}%`;

/** A figure by its OpenTelemetry unit (UCUM: `s`, `By`, `{decision}/s`, `1`). */
export function figure(value: number, unit: string): string {
  if (unit === 's') return seconds(value);
  if (unit === 'By') return bytes(value);
  if (unit === '%') return `${significant(value)}${thin}%`;
  if (unit === '1' || unit === '') return count(value);
  const name = unit.replace(/\{(\w+)\}/g, '').trim();
  return name.startsWith('/') ? `${count(value)}${name}` : name ? `${count(value)}${thin}${name}` : count(value);
}

export const significant = (value: number) =>
  value === 0 ? '0' : Math.abs(value) >= 100 ? grouped.format(value) : value.toPrecision(Math.abs(value) < 10 ? 2 : 3);

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' });
export const time = (at: Date) => clock.format(at);
export const dateTime = (at: Date) => `${day.format(at)} ${clock.format(at).slice(0, 5)}`;

/** `token-bucket`, from any of the API's spellings. */
export const algorithm = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('-', ' ').toLowerCase();

/** `10M`, `250k`, `0.2`: short, and the planner reads it back. */
export function quantity(value: number): string {
  for (const [size, name] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const)
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(6))}${name}`;
  return `${Number(value.toPrecision(6))}`;
}

export const money = (value: number, currency: string) =>
  new Intl.NumberFormat('en', { style: 'currency', currency, maximumFractionDigits: 0 }).format(value);

/** `requests-per-user-per-day` -> `Requests per user per day`. */
export const words = (name: string) =>
  (name[0]!.toUpperCase() + name.slice(1)).replaceAll('-', ' ').replace(/\b(http|grpc|redis|p99)\b/gi, (word) => proper[word.toLowerCase()]!);
const proper: Record<string, string> = { http: 'HTTP', grpc: 'gRPC', redis: 'Redis', p99: 'p99' };

/** A UCUM unit in words: `{request}/day` -> `requests/day`. */
export const unitWords = (unit: string, value = 2) =>
  unit === '1' ? '' : unit.replace(/\{(\w+)\}/g, (_, name: string) => (value === 1 ? name : `${name}s`)).replace(/\bBy\b/g, 'B');

const protocols: Record<string, string> = { http: 'HTTP', https: 'HTTPS', grpc: 'gRPC', resp: 'Redis protocol', redis: 'Redis protocol', rls: 'Envoy RLS', rlqs: 'Envoy RLQS' };
export const protocol = (name: string) => protocols[name.toLowerCase()] ?? words(name);

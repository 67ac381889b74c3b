// The shapes of the JSON API, as docs/systems describes it. Durations are seconds, times ISO 8601 in UTC.
export interface Info {
  version: string;
  startedAt: string;
  dataDirectory: string;
  addresses: Record<string, string>;
  machine: { processors: number; memoryBytes: number; os: string };
}

export type Health = 'healthy' | 'degraded' | 'unhealthy';

export interface Figure {
  name: string;
  value: number;
  unit: string;
}

export interface SystemState {
  name: string;
  title: string;
  promise: string;
  health: string;
  engine: string;
  detail?: string | null;
  addresses: Record<string, string>;
  figures: Figure[];
}

export interface LimiterLive {
  time: string;
  decisionsPerSecond: number;
  admittedPerSecond: number;
  rejectedPerSecond: number;
  unavailablePerSecond: number;
  latencySeconds: { p50: number; p99: number; p999: number };
  rules: { rule: string; admittedPerSecond: number; rejectedPerSecond: number; dryRunRejectedPerSecond: number }[];
  topKeys: { rule: string; key: string; perSecond: number; rejectedPerSecond: number }[];
  keys: number;
  memoryBytes: number;
}

export interface RuleLimit {
  id: string;
  algorithm: string;
  permits: number;
  periodSeconds: number;
  burst: number;
}

export interface Rule {
  name: string;
  match: Record<string, string>;
  key: string[];
  limits: RuleLimit[];
  /** A factor, or the attribute that holds one. */
  cost: number | string;
  dryRun: boolean;
  whenUnavailable: string;
  overrides: { key: string[]; permits?: number | null; period?: string | null; exempt?: boolean }[];
}

export interface ConfigurationValue {
  path: string;
  value: string | null;
  source: string;
}

export interface LabRecord {
  id: string;
  scenario: string;
  startedAt: string;
  durationSeconds: number;
  verdict: string;
  headline: string;
}

export interface Runbook {
  title: string;
  html: string;
  markdown: string;
}

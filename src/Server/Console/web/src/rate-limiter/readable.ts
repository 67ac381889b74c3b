import type { Rule, RuleLimit } from '../api/types';
import { algorithm, count, period } from '../parts/format';

/** `100 per minute, burst 20`, as a person would say it. */
export function limitWords(limit: Omit<RuleLimit, 'id'>): string {
  if (/concurrency/i.test(limit.algorithm)) return `${count(limit.permits)} at a time`;
  const burst = limit.burst > 0 && limit.burst !== limit.permits ? `, ${count(limit.burst)} at once` : '';
  return `${count(limit.permits)} per ${period(limit.periodSeconds)}${burst}`;
}

export const limitKind = (limit: RuleLimit) => algorithm(limit.algorithm);

export function unavailableWords(rule: Rule): string {
  switch (rule.whenUnavailable.toLowerCase().replace('-', '')) {
    case 'local': return 'this node’s share decides';
    case 'allow': case 'open': case 'failopen': return 'all pass (fail open)';
    case 'deny': case 'closed': case 'failclosed': return 'none pass (fail closed)';
    default: return rule.whenUnavailable;
  }
}

/** The attributes that any rule looks at: what a request must say to be limited. */
export function attributesOf(rules: Rule[]): string[] {
  const names = new Set<string>();
  for (const rule of rules) {
    Object.keys(rule.match ?? {}).forEach((name) => names.add(name));
    rule.key.forEach((name) => names.add(name));
  }
  return [...names];
}

// How the API tells of decisions and explains them.
export interface LimitPart {
  rule: string;
  limit: string;
  key: string;
  cost: number;
  admitted: boolean;
  remaining: number;
  retryAfterSeconds: number | null;
  resetAfterSeconds: number | null;
  dryRun: boolean;
  source: string;
  algorithm: string;
  permits: number;
  periodSeconds: number;
  burst: number;
}

export interface Decision {
  id: string;
  time: string;
  admitted: boolean;
  retryAfterSeconds: number | null;
  cost: number;
  attributes: Record<string, string>;
  limits: LimitPart[];
}

export interface Explanation {
  decision: Pick<Decision, 'id' | 'admitted' | 'retryAfterSeconds' | 'limits'>;
  rules: { rule: string; matched: boolean; reason: string }[];
}

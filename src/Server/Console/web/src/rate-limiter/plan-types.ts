export interface PlanLine {
  section: string;
  name: string;
  what: string;
  formula: string;
  numbers: string;
  value: number;
  unit: string;
  source: string;
}

export interface Plan {
  system: string;
  title: string;
  lines: PlanLine[];
  monthlyBill: number;
  currency: string;
  oneMachineUntil: { input: string; value: number; sentence: string };
  sensitivities: { input: string; elasticity: number }[];
  measured: boolean;
  advice: string[];
  notes: string[];
}

export const isAssumption = (line: PlanLine) => line.section === 'Assumptions';

/** Machines to rent: the last line of each part of the arithmetic that counts nodes. */
export function fleetOf(plan: Plan): PlanLine[] {
  const last = new Map<string, PlanLine>();
  for (const line of plan.lines) if (line.formula && line.unit === '{node}') last.set(line.section, line);
  return [...last.values()];
}

export function sectionsOf(plan: Plan): [string, PlanLine[]][] {
  const sections = new Map<string, PlanLine[]>();
  for (const line of plan.lines) if (!isAssumption(line)) sections.set(line.section, [...(sections.get(line.section) ?? []), line]);
  return [...sections];
}

/**
 * The workflows and steps of a pipeline, and the join of two observations of them.
 *
 * Guarantees: `joinWorkflows` is associative, commutative and idempotent. Woodpecker changes the state of a step within
 * seconds after the pipeline's end, without a new `updated`: the state of higher rank then wins.
 */

import { compareText } from './compare-text.ts';
import { compareRanks } from './status-rank.ts';

/** All times are Unix seconds. */
export interface Step {
  /** Its number within the pipeline; 0 if unknown. */
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly exitCode: number;
  /** `null`: it never ran. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** The last line of its error; empty without one. */
  readonly error: string;
}

export interface Workflow extends Omit<Step, 'exitCode'> {
  readonly steps: readonly Step[];
}

/** Sorted by pid and name, as `joinWorkflows` needs it. Several of the same pid and name keep their order. */
export function inOrder<T extends Pick<Step, 'pid' | 'name'>>(parts: readonly T[]): readonly T[] {
  return [...parts].sort(compareIdentities);
}

/** `workflows` with each time moved by `seconds`. */
export function shiftWorkflows(workflows: readonly Workflow[], seconds: number): readonly Workflow[] {
  if (seconds === 0) return workflows;
  const shift = <T extends Pick<Step, 'startedAt' | 'finishedAt'>>(part: T): T => ({
    ...part,
    startedAt: part.startedAt && part.startedAt + seconds,
    finishedAt: part.finishedAt && part.finishedAt + seconds,
  });
  return workflows.map((workflow) => ({ ...shift(workflow), steps: workflow.steps.map(shift) }));
}

/** Joins two lists in the order of `inOrder`. Returns one of the two itself, `a` first, if the other adds nothing. */
export function joinWorkflows(a: readonly Workflow[], b: readonly Workflow[]): readonly Workflow[] {
  return joinLists(a, b, joinWorkflow);
}

/** Whether both have the same content. */
export function areSameWorkflows(a: readonly Workflow[], b: readonly Workflow[]): boolean {
  return joinWorkflows(a, b) === a && joinWorkflows(b, a) === b;
}

function joinWorkflow(a: Workflow, b: Workflow): Workflow {
  const winner = compareParts(a, b) >= 0 ? a : b;
  const steps = joinLists(a.steps, b.steps, (one, other) => (compareSteps(one, other) >= 0 ? one : other));
  if (winner.steps === steps) return winner;
  // `a` and `b` differ only in their steps, and the joined steps equal the steps of `b`.
  if (compareParts(a, b) === 0 && steps === b.steps) return b;
  return { ...winner, steps };
}

function joinLists<T extends Pick<Step, 'pid' | 'name'>>(
  a: readonly T[],
  b: readonly T[],
  join: (one: T, other: T) => T,
): readonly T[] {
  if (a === b || b.length === 0) return a;
  if (a.length === 0) return b;
  const joined: T[] = [];
  let fromA = 0;
  let fromB = 0;
  let isA = true;
  let isB = true;
  while (fromA < a.length || fromB < b.length) {
    const [one, other] = [a[fromA], b[fromB]];
    const order = !one ? 1 : !other ? -1 : compareIdentities(one, other);
    const part = one && other && order === 0 ? join(one, other) : order < 0 ? one : other;
    if (!part) throw new Error('A list of workflows or steps has a hole');
    if (order <= 0) fromA++;
    if (order >= 0) fromB++;
    isA &&= part === one && order <= 0;
    isB &&= part === other && order >= 0;
    joined.push(part);
  }
  return isA ? a : isB ? b : joined;
}

function compareIdentities(a: Pick<Step, 'pid' | 'name'>, b: Pick<Step, 'pid' | 'name'>): number {
  return a.pid - b.pid || compareText(a.name, b.name);
}

function compareSteps(a: Step, b: Step): number {
  return compareParts(a, b) || a.exitCode - b.exitCode;
}

function compareParts(a: Omit<Step, 'exitCode'>, b: Omit<Step, 'exitCode'>): number {
  return (
    compareRanks(a.state, b.state) ||
    compareText(a.state, b.state) ||
    compareText(a.error, b.error) ||
    (a.finishedAt ?? 0) - (b.finishedAt ?? 0) ||
    (a.startedAt ?? 0) - (b.startedAt ?? 0)
  );
}

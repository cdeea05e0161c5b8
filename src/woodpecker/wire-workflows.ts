/**
 * The workflows of a pipeline and their steps, under the names of both generations: `end_time` (v2), `finished` (v3).
 *
 * Guarantees: reads a bounded number of them, so that no message blocks the process or fills the store. Reading stops at
 * the first mistake, since a hostile message may contain many.
 */

import { z } from 'zod';
import { describeIssue } from '../util/validate.ts';
import { cutText, seconds, textOf } from './wire-fields.ts';

/** More than any pipeline has; further ones are ignored. */
const mostWorkflows = 500;
const mostSteps = 2_000;
const longestText = 256;

const shortText = textOf(longestText);
/** Agents join the errors of a workflow with newlines; the last line says how it ended. */
const lastLine = z
  .string()
  .nullish()
  .transform((value) => {
    const lines = (value ?? '').trimEnd();
    return cutText(lines.slice(lines.lastIndexOf('\n') + 1), longestText);
  });
const wholeNumber = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0);
const part = {
  pid: wholeNumber,
  name: shortText,
  state: shortText,
  error: lastLine,
  started: seconds,
  start_time: seconds,
  finished: seconds,
  end_time: seconds,
};
const WireStep = z.object({ ...part, exit_code: wholeNumber });
export type WireStep = z.output<typeof WireStep>;
const WireWorkflow = z.object({ ...part, children: z.unknown().optional() });
export type WireWorkflow = Omit<z.output<typeof WireWorkflow>, 'children'> & {
  readonly children: readonly WireStep[];
};

export const workflows = z
  .unknown()
  .optional()
  .transform((raw, context): readonly WireWorkflow[] | null => {
    if (raw === null || raw === undefined) return null;
    const read = <T>(item: z.ZodType<T>, value: unknown, path: readonly PropertyKey[]): T | null => {
      const parsed = item.safeParse(value, { error: describeIssue });
      if (parsed.success) return parsed.data;
      const { path: inside = [], message = '' } = parsed.error.issues[0] ?? {};
      context.addIssue({ code: 'custom', path: [...path, ...inside], message });
      return null;
    };
    // By hand, since a schema would check the whole list.
    const readList = (value: unknown, path: readonly PropertyKey[]): readonly unknown[] | null =>
      Array.isArray(value) ? value : read(z.array(z.unknown()), value, path);
    const list = readList(raw, []);
    if (!list) return z.NEVER;
    const found: WireWorkflow[] = [];
    let stepsLeft = mostSteps;
    for (const [index, one] of list.slice(0, mostWorkflows).entries()) {
      const workflow = read(WireWorkflow, one, [index]);
      if (!workflow) return z.NEVER;
      const steps = readList(workflow.children ?? [], [index, 'children']);
      if (!steps) return z.NEVER;
      const children: WireStep[] = [];
      for (const [place, child] of steps.slice(0, stepsLeft).entries()) {
        const step = read(WireStep, child, [index, 'children', place]);
        if (!step) return z.NEVER;
        children.push(step);
      }
      stepsLeft -= children.length;
      found.push({ ...workflow, children });
    }
    return found;
  });

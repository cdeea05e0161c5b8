/** Schemas of explanations, see `schemas.ts`. */

import { z } from 'zod';
import { uncountedReasons } from '../core/explain.ts';
import { causes } from '../core/verdict.ts';
import { count, FiguresJson, instant, seconds, WindowJson } from './schemas.ts';

const pipeline = {
  repo_id: z.int().nullable().describe('Id in Woodpecker; distinguishes repos with the same name'),
  number: z.int(),
  url: z.string().nullable().describe('Its page in Woodpecker'),
  at: instant.describe('When it ended; if it does not count, the latest known time of it'),
  status: z.string(),
  event: z.string().nullable(),
  branch: z.string().nullable(),
  deploy_to: z.string(),
  commit: z.string(),
  message: z.string().describe('First line of the commit message'),
};

const leadTime = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('known'),
    source: z.enum(['forge', 'report', 'pipeline']).describe('Source of the commit times'),
    commits: z.array(z.strictObject({ id: z.string(), seconds })),
  }),
  z.strictObject({ kind: z.literal('nothing_new') }).describe('Its commit was deployed before'),
  z.strictObject({ kind: z.literal('pending') }).describe('The commits are not yet looked up in the forge'),
  z.strictObject({ kind: z.literal('unknown') }),
]);

const episode = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.enum(['opened', 'continued']), failing_since: instant }),
  z.strictObject({ kind: z.literal('closed'), failing_since: instant, recovery_seconds: seconds }),
]);

const failure = z.strictObject({
  causes: z.array(z.enum(causes)),
  shown_by: z.array(z.int()).describe('Numbers of the rollbacks and fixes that show it'),
  incidents: z.array(z.strictObject({ id: z.string(), started: instant, resolved: instant.nullable() })),
  recovered: instant.nullable().describe('null while it is open'),
  recovered_by: z.enum(['deployment', 'incident', 'mark']).nullable(),
  repaired_by: z.int().nullable().describe('Number of the deployment that repaired it'),
});

export const CountedPipelineJson = z.strictObject({
  ...pipeline,
  counted: z.literal(true),
  outcome: z.enum(['success', 'failure']),
  failure: failure.nullable().describe('null if nothing shows that it has failed'),
  repairs: z
    .strictObject({
      rolls_back: z.int().nullable().describe('Number of the deployment that it rolls back'),
      reverts: z.array(z.int()).describe('Numbers of the deployments whose commits it reverts'),
      repairs: z.int().nullable().describe('Number of the deployment that it repairs by the rework rules'),
    })
    .nullable()
    .describe('The deployments that it shows as failed; null if it shows none'),
  mark: z.enum(['failed', 'fine']).nullable().describe('Mark by an operator'),
  rework: z.boolean().describe('Whether it is an unplanned repair'),
  episode: episode.describe('Its role in an episode of failed deployments'),
  lead_time: leadTime.nullable().describe('Lead time of its commits; null for a failed deployment'),
});
const globs = z.array(z.string()).nullable();
const MissedPartJson = z.strictObject({
  workflows: globs.describe('Globs of the tier rule; null: any workflow'),
  steps: globs.describe('Globs of the tier rule; null: the whole workflow'),
  present: z.boolean().describe('Whether the pipeline has such a part, which was then skipped'),
  stopped_at: z
    .strictObject({
      workflow: z.string(),
      step: z.string().nullable(),
      end: z.enum(['failure', 'killed']),
    })
    .nullable()
    .describe('What failed first, else what was killed first; null if all that ran succeeded'),
});
export type MissedPartJson = z.infer<typeof MissedPartJson>;
export const UncountedPipelineJson = z.strictObject({
  ...pipeline,
  counted: z.literal(false),
  reason: z.enum(uncountedReasons),
  not_reached: MissedPartJson.optional().describe('Which part did not run, if that is the reason'),
});
export type CountedPipelineJson = z.infer<typeof CountedPipelineJson>;
export type UncountedPipelineJson = z.infer<typeof UncountedPipelineJson>;

export const ExplanationJson = z.strictObject({
  repo: z.string(),
  tier: z.string(),
  window: WindowJson,
  figures: FiguresJson,
  failing_since: instant.nullable().describe("First failure of the episode that is open at the window's end"),
  without_lead_time: z
    .strictObject({ nothing_new: count, pending: count, unknown: count })
    .describe('Successful deployments of the window without a lead time'),
  not_counted: z
    .array(z.strictObject({ reason: z.enum(uncountedReasons), pipelines: count }))
    .describe('Numbers of pipelines in the window that do not count, by reason'),
  pipelines: z
    .array(z.discriminatedUnion('counted', [CountedPipelineJson, UncountedPipelineJson]))
    .describe(
      'Counted or not, latest first; a pipeline out of scope has no tier, and is in the list of every tier',
    ),
  truncated: z
    .boolean()
    .describe('Whether the window contains earlier pipelines; figures and counts are of the whole window'),
  next: z.string().nullable().describe('Query for the rest of the list, of the same moment'),
});
export type ExplanationJson = z.infer<typeof ExplanationJson>;

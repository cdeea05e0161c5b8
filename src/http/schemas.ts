/**
 * Schemas of all JSON answers: the types of the answers and the OpenAPI description come from them. Names are part of the
 * contract. Times are ISO 8601, durations are seconds, rates and ratios are from 0 to 1.
 */

import { z } from 'zod';
import { ignoreReasons } from '../core/classification.ts';
import { uncountedReasons } from '../core/explain.ts';
import { markKinds } from '../core/failures/operator-mark.ts';
import { scoredFigures } from '../core/quick-check-score.ts';
import { causes } from '../core/verdict.ts';
import type { BackfillSummary } from '../sources/backfill.ts';
import { eventResults } from '../sources/event-labels.ts';

const instant = z.iso.datetime();
const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const ratio = z.number().min(0).max(1);
const score = z.number().min(0).max(10);

export const ProblemJson = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z
    .array(z.strictObject({ path: z.string(), message: z.string() }))
    .optional()
    .describe('The mistakes, each with its part of the request'),
});

export const WebhookResultJson = z.strictObject({
  result: z.enum(eventResults).exclude(['rejected']),
  reason: z
    .enum([...ignoreReasons, 'not_ended', 'unverifiable'])
    .optional()
    .describe('Reason why it is ignored'),
});

const incidentOutcome = {
  result: z.enum(['stored', 'duplicate', 'ignored']),
  reason: z.enum(['no_rule', 'own_alert', 'limit']).optional().describe('Reason why it is ignored'),
};
export const IncidentResultJson = z.strictObject({
  ...incidentOutcome,
  alerts: z
    .array(z.strictObject({ fingerprint: z.string(), ...incidentOutcome }))
    .optional()
    .describe('Results of the alerts in the body; if one is stored, so is the result of the body'),
});

export const MarkJson = z.strictObject({
  repo: z.string(),
  number: z.int(),
  tier: z.string(),
  mark: z.enum(markKinds),
  recovered: instant.nullable(),
  reason: z.string().nullable(),
  marked: instant,
});
export type MarkJson = z.infer<typeof MarkJson>;

export const IncidentsJson = z.strictObject({
  incidents: z
    .array(
      z.strictObject({
        id: z.string(),
        kind: z.enum(['alert', 'report']),
        repo: z.string(),
        tier: z.string(),
        known: z.boolean().describe('Whether the repo and tier exist; the incident counts only then'),
        started: instant,
        resolved: instant.nullable().describe('null while it is open'),
        stale: z
          .boolean()
          .describe('Whether it no longer counts as open, because the alert was not sent again'),
        received: instant.nullable().describe('When an alert was last received'),
        title: z.string().nullable(),
        url: z.string().nullable(),
        deployment: z.int().nullable().describe('Number of the pipeline that the report names'),
      }),
    )
    .describe('Newest first, without withdrawn incidents'),
  others: count.describe('Number of further incidents'),
});
export type IncidentsJson = z.infer<typeof IncidentsJson>;

export const BackfillSummaryJson = z.strictObject({
  id: z.string(),
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  started: instant,
  finished: instant.nullable(),
  dry_run: z.boolean(),
  repos: count.describe('Number of repos read so far'),
  pipelines: z.strictObject({ scanned: count, stored: count, duplicate: count, ignored: count }),
  errors: z.array(z.strictObject({ repo: z.string(), message: z.string() })),
  message: z.string().exactOptional().describe('A note: nothing matched, or the result of a dry run'),
}) satisfies z.ZodType<BackfillSummary>;

export const WindowJson = z.strictObject({
  name: z.string(),
  seconds: z.int().positive(),
  from: instant.describe('Start of the window, exclusive'),
  to: instant.describe('End of the window, inclusive'),
});

const timeFigure = z.strictObject({
  samples: count,
  median: seconds.nullable(),
  p95: seconds.nullable().describe('95th percentile'),
});

export const FiguresJson = z.strictObject({
  deployments: count.describe('Deployment frequency: deployments in the window, successful and failed'),
  failed_deployments: count,
  failed_deployments_by_cause: z
    .partialRecord(z.enum(causes), count)
    .describe('A deployment may have several causes; causes without deployments are omitted'),
  rework_deployments: count.nullable().describe('null if the policy does not look for rework'),
  deployments_per_day: z
    .number()
    .nonnegative()
    .nullable()
    .describe('Over the known part of the window; null if that is less than a day'),
  change_fail_rate: ratio.nullable().describe('Failed over all deployments; null without a deployment'),
  deployment_rework_rate: ratio
    .nullable()
    .describe(
      'Unplanned repairs over all; null without a deployment, or if the policy does not look for rework',
    ),
  change_lead_time_seconds: timeFigure.describe('One sample for each commit with a known lead time'),
  failed_deployment_recovery_time_seconds: timeFigure.describe('One sample for each episode that ended'),
  coverage_ratio: ratio.describe('Share of the window that is known'),
});
export type FiguresJson = z.infer<typeof FiguresJson>;

const figureScore = z
  .strictObject({
    score,
    class: z
      .strictObject({ number: z.int().min(1).max(6), words: z.string() })
      .nullable()
      .describe('null if the figure is a percentage'),
  })
  .nullable();

export const ScoreJson = z.strictObject({
  overall: score.nullable().describe('Mean of the known scores: those of all figures but the missing ones'),
  missing: z
    .array(z.enum(scoredFigures))
    .describe('Figures without a score: unknown, or nothing of the window is known'),
  change_lead_time: figureScore,
  deployment_frequency: figureScore,
  failed_deployment_recovery_time: figureScore,
  change_fail_rate: figureScore,
  deployment_rework_rate: figureScore,
});
export type ScoreJson = z.infer<typeof ScoreJson>;

const measured = {
  figures: FiguresJson.nullable().describe('null if the longest window contains no deployment'),
  score: ScoreJson.nullable(),
};
export const TierFiguresJson = z.strictObject({ tier: z.string(), ...measured });
export const PairFiguresJson = z.strictObject({ repo: z.string(), tier: z.string(), ...measured });
export type PairFiguresJson = z.infer<typeof PairFiguresJson>;

export const DoraHeadJson = z.strictObject({
  window: WindowJson,
  quick_check: z.strictObject({
    edition: z.string(),
    published_means: z.record(z.enum(scoredFigures), score),
  }),
});
export const DoraJson = DoraHeadJson.extend({
  tiers: z.array(TierFiguresJson).describe('Each tier over all its repos; empty if the query names a repo'),
  pairs: z.array(PairFiguresJson),
});

export const HistoryJson = z.strictObject({
  repo: z.string().nullable().describe('null: over all repos of the tier'),
  tier: z.string(),
  window: z.strictObject({ name: z.string(), seconds: z.int().positive() }),
  points: z
    .array(
      z.strictObject({
        end: instant.describe('End of the window, inclusive'),
        figures: FiguresJson.nullable().describe('null if nothing was shown then'),
        score: ScoreJson.nullable(),
      }),
    )
    .describe('In order of time'),
});
export type HistoryJson = z.infer<typeof HistoryJson>;

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
